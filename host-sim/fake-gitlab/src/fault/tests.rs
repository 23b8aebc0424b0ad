//! Spelling, places and counting of faults.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;

#[test]
fn every_fault_is_spelled_as_it_is_parsed() {
    let fitting = Fault::places();
    for (endpoint, _) in endpoint::WORDS {
        for (kind, _) in kind::WORDS.iter().copied() {
            let fault = Fault { endpoint, when: Occurrence::Only(12), kind };
            let parsed = fault.to_string().parse::<Fault>();
            if fitting.contains(&(endpoint, kind)) {
                assert_eq!(parsed, Ok(fault));
            } else {
                assert_eq!(parsed, Err(FaultSyntax::Misplaced { kind, endpoint }));
            }
        }
    }
    for text in ["any@*=hang", "users@3+=revoked", "graphql-holders@1=no-nodes"] {
        assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
    }
}

#[test]
fn a_kind_is_refused_where_it_makes_no_sense() {
    for text in [
        "license@1=repeat-cursor",
        "any@1=empty-list",
        "graphql@1=forbidden",
        "groups@1=row-deleted",
        "groups@1=row-swapped",
        "graphql@1=row-deleted",
        "graphql-purchases@1=row-inserted",
        "billable@1=too-deep",
        "license@1=half-page",
        "graphql-users@1=half-page-no-headers",
        "any@1=too-many-rows",
        "license@1=no-version",
        "any@1=no-version",
        "users@1=undefined-every-field",
        "users@1=short-page",
        "any@1=undefined-field",
        "graphql-purchases@1=no-nodes",
    ] {
        assert!(matches!(text.parse::<Fault>(), Err(FaultSyntax::Misplaced { .. })), "{text}");
    }
    assert_eq!(
        "license@1=row-inserted".parse::<Fault>().unwrap_err().to_string(),
        "row-inserted makes no sense at license; it is possible at: users, billable, members, graphql-users, \
         graphql-holders, graphql-members"
    );
}

#[test]
fn what_is_no_fault_is_refused_with_its_reason() {
    let refused = |text: &str| text.parse::<Fault>().unwrap_err();
    assert_eq!(refused("users"), FaultSyntax::Form("users".into()));
    assert_eq!(refused("users=cut"), FaultSyntax::Form("users=cut".into()));
    assert_eq!(refused("projects@1=cut"), FaultSyntax::Endpoint("projects".into()));
    for number in ["0", "-1", "+", "+3", "3++", "0+", "*+", ""] {
        assert_eq!(refused(&format!("users@{number}=cut")), FaultSyntax::Number(number.into()));
    }
    assert_eq!(refused("users@1=fire"), FaultSyntax::Kind("fire".into()));
}

#[test]
fn a_fault_strikes_the_request_of_its_own_endpoint() {
    let faults = Faults::new(vec!["users@2=cut".parse().unwrap(), "any@4=html".parse().unwrap()]);
    let strikes: Vec<_> = [&[Endpoint::Users][..], &[Endpoint::License], &[Endpoint::Users], &[]]
        .map(|endpoints| faults.strike(endpoints).map(|struck| struck.kind))
        .to_vec();
    assert_eq!(strikes, [None, None, Some(FaultKind::Cut), Some(FaultKind::Html)]);
}

#[test]
fn a_fault_lasts_from_its_number_on_if_asked_to_or_if_it_is_of_that_kind() {
    for (text, expected) in [
        ("users@2=revoked", [false, true, false]),
        ("users@2+=revoked", [false, true, true]),
        ("users@2=row-deleted", [false, true, true]),
        ("users@2=row-swapped", [false, true, true]),
        ("users@*=revoked", [true, true, true]),
    ] {
        let faults = Faults::new(vec![text.parse().unwrap()]);
        assert_eq!([(); 3].map(|()| faults.strike(&[Endpoint::Users]).is_some()), expected, "{text}");
    }
}

#[test]
fn the_table_of_the_module_names_every_word() {
    let source = include_str!("../fault.rs");
    let table: String = source.lines().take_while(|line| line.starts_with("//!")).collect();
    for word in kind::WORDS.iter().map(|(_, word)| word) {
        assert!(table.contains(&format!("`{word}`")), "{word} is not explained");
    }
}
