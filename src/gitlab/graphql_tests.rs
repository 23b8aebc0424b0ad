//! Every shape of answer that GitLab's GraphQL is known to send.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::scripted::{and_header, json, response};

const NOW: FixedClock = FixedClock(1_769_904_000);

object! {
    /// What is asked for.
    #[allow(non_snake_case, reason = "the names are those of the answer")]
    pub struct Root {
        needed {}
        optional {
            /// The license.
            pub currentLicense: Option<Plan>,
        }
    }
}

object! {
    /// A license.
    pub struct Plan {
        needed {
            /// Its plan.
            pub plan: String,
        }
        optional {}
    }
}

fn answer(body: &str) -> Result<Answer<Root>, Refusal> {
    read(&json(200, body), &NOW)
}

fn refused(response: &Response) -> Refusal {
    read::<Root>(response, &NOW).unwrap_err()
}

/// The one error of an answer without data.
#[track_caller]
fn error(body: &str) -> QueryError {
    let answer = answer(body).unwrap();
    assert_eq!(answer.data, None);
    let [error] = <[QueryError; 1]>::try_from(answer.errors).unwrap();
    error
}

fn message(text: &str) -> String {
    format!(r#"{{"errors":[{{"message":"{text}"}}]}}"#)
}

fn field(field: &str, on: &str) -> QueryError {
    QueryError::UndefinedField { field: field.to_owned(), on: on.to_owned() }
}

fn argument(argument: &str, on: &str) -> QueryError {
    QueryError::UndefinedArgument { argument: argument.to_owned(), on: on.to_owned() }
}

#[test]
fn a_query_is_written_with_its_variables_in_order() {
    let query = Query::new("($b: ID!, $a: [ID!]) { x(b: $b, a: $a) { \"y\" } }")
        .with("b", Variable::Text("it's \"quoted\"\n".to_owned()))
        .with("a", Variable::Texts(vec!["1".to_owned(), "2".to_owned()]))
        .with("after", Variable::Null);
    assert_eq!(
        String::from_utf8(query.body()).unwrap(),
        r#"{"query":"query($b: ID!, $a: [ID!]) { x(b: $b, a: $a) { \"y\" } }","variables":{"b":"it's \"quoted\"\n","a":["1","2"],"after":null}}"#
    );
    let empty = String::from_utf8(Query::new("{ currentUser { id } }").body()).unwrap();
    assert_eq!(empty, r#"{"query":"query{ currentUser { id } }","variables":{}}"#);
}

#[test]
fn the_operation_is_always_a_query() {
    let text = |text: &str| Query::new(text).text;
    assert_eq!(text("{ a }"), "query{ a }");
    assert_eq!(text("query { a }"), "query { a }");
    assert_eq!(text("\n query($x: ID) { a }"), "query($x: ID) { a }");
    assert_eq!(text("mutation { destroy }"), "querymutation { destroy }", "which is no GraphQL");
}

#[test]
fn data_without_errors_is_data() {
    let full = answer(r#"{"data":{"currentLicense":{"plan":"premium"}},"correlationId":"x"}"#).unwrap();
    assert_eq!(full.errors, []);
    assert_eq!(full.into_data(), Ok(Root { currentLicense: Some(Plan { plan: "premium".to_owned() }) }));
    let none = answer(r#"{"data":{"currentLicense":null}}"#).unwrap();
    assert_eq!(none.into_data(), Ok(Root { currentLicense: None }), "no license is an answer");
    assert_eq!(answer(r#"{"data":{"currentLicense":null},"errors":[]}"#).unwrap().errors, []);
    assert_eq!(answer(r#"{"data":{"currentLicense":null},"errors":null}"#).unwrap().errors, []);
}

#[test]
fn a_refused_field_keeps_the_rest_of_the_data() {
    let body = r#"{"data":{"currentLicense":null},"errors":[{"message":"The resource that you are attempting to access does not exist or you don't have permission to perform this action","locations":[{"line":1,"column":9}],"path":["currentLicense"]}]}"#;
    let refused = answer(body).unwrap();
    assert_eq!(refused.data, Some(Root { currentLicense: None }));
    assert_eq!(refused.errors, [QueryError::NotPermitted("currentLicense".to_owned())]);
    assert_eq!(refused.into_data(), Err(Refusal::NotFound));
    // In a list the path goes on with numbers; the field is its last name.
    let deep = body.replace(r#"["currentLicense"]"#, r#"["users","nodes",3,"lastActivityOn",0]"#);
    assert_eq!(answer(&deep).unwrap().errors, [QueryError::NotPermitted("lastActivityOn".to_owned())]);
}

#[test]
fn unknown_fields_are_named() {
    let body = r#"{"errors":[{"message":"Field 'currentLicense' doesn't exist on type 'Query'","locations":[{"line":1,"column":9}],"path":["query","currentLicense"],"extensions":{"code":"undefinedField","typeName":"Query","fieldName":"currentLicense"}}]}"#;
    assert_eq!(error(body), field("currentLicense", "Query"));
    // Before the codes, and with the suggestion of recent versions.
    assert_eq!(error(&message("Field 'usres' doesn't exist on type 'Query'")), field("usres", "Query"));
    assert_eq!(
        error(&message("Field 'lastDuo' doesn't exist on type 'AddOnUser' (Did you mean `lastLoginAt`?)")),
        field("lastDuo", "AddOnUser")
    );
    // The code decides, whatever the words.
    assert_eq!(
        error(r#"{"errors":[{"message":"No","extensions":{"code":"undefinedField","fieldName":"a"}}]}"#),
        field("a", "")
    );
    let several = format!(
        r#"{{"errors":[{},{},{}]}}"#,
        r#"{"message":"Field 'a' doesn't exist on type 'T'"}"#,
        r#"{"message":"Variable $ns is declared by anonymous query but not used","extensions":{"code":"variableNotUsed","variableName":"ns"}}"#,
        r#"{"message":"Field 'b' doesn't exist on type 'T'"}"#,
    );
    let several = answer(&several).unwrap();
    assert_eq!(several.undefined_fields().collect::<Vec<_>>(), ["a", "b"]);
    assert!(several.errors.iter().all(QueryError::is_about_schema));
    assert_eq!(several.into_data(), Err(Refusal::NotInSchema("the field a".to_owned())));
}

#[test]
fn unknown_arguments_are_named() {
    let body = r#"{"errors":[{"message":"Field 'users' doesn't accept argument 'humans'","path":["query","users","humans"],"extensions":{"code":"argumentNotAccepted","name":"users","typeName":"Field","argumentName":"humans"}}]}"#;
    assert_eq!(error(body), argument("humans", "users"));
    assert_eq!(error(&message("Field 'users' doesn't accept argument 'humans'")), argument("humans", "users"));
    let by_code = r#"{"errors":[{"message":"No","extensions":{"code":"argumentNotAccepted","argumentName":"a"}}]}"#;
    assert_eq!(error(by_code), argument("a", ""));
    assert!(error(body).is_about_schema());
    assert_eq!(Refusal::from(error(body)), Refusal::NotInSchema("the argument humans of users".to_owned()));
}

#[test]
fn other_parts_that_the_schema_lacks_are_about_the_schema() {
    for body in [
        message("NamespaceID isn't a defined input type (on $ns)"),
        message("Argument 'addOnType' on Field 'addOnEligibleUsers' has an invalid value (DUO_CORE). Expected type 'X!'."),
        r#"{"errors":[{"message":"Variable $t of type GitlabSubscriptionsAddOnType! was provided invalid value","extensions":{"value":"DUO_CORE","problems":[]}}]}"#.to_owned(),
        r#"{"errors":[{"message":"x","extensions":{"code":"variableRequiresValidType"}}]}"#.to_owned(),
        r#"{"errors":[{"message":"x","extensions":{"code":"selectionMismatch"}}]}"#.to_owned(),
    ] {
        let error = error(&body);
        assert!(matches!(error, QueryError::Schema(_)) && error.is_about_schema(), "{error:?}");
    }
    let unknown_code = r#"{"errors":[{"message":"Later","extensions":{"code":"somethingElse"}}]}"#;
    assert_eq!(error(unknown_code), QueryError::Other("Later".to_owned()));
}

#[test]
fn other_errors_are_told_apart_by_what_helps() {
    let text = "Access denied: This operation doesn't support fine-grained personal access tokens.";
    assert_eq!(error(&message(text)), QueryError::FineGrainedToken(text.to_owned()));
    assert_eq!(Refusal::from(error(&message(text))), Refusal::Permission(text.to_owned()));
    let text = "Query has complexity of 412, which exceeds max complexity of 250";
    assert_eq!(error(&message(text)), QueryError::TooLarge(text.to_owned()));
    assert_eq!(Refusal::from(error(&message(text))), Refusal::QueryFailed(text.to_owned()));
    let text = "Query has depth of 25, which exceeds max depth of 20";
    assert_eq!(error(&message(text)), QueryError::TooLarge(text.to_owned()));
    let text = "This endpoint has been requested too many times. Try again later.";
    assert_eq!(error(&message(text)), QueryError::TooOften);
    assert_eq!(Refusal::from(QueryError::TooOften), Refusal::TooOften(None));
    let text = "Add on eligible users can only be queried on a root namespace";
    assert_eq!(error(&message(text)), QueryError::Other(text.to_owned()));
    assert_eq!(
        error(&message("One\\u001b[31m sentence. And another.")),
        QueryError::Other("One [31m sentence.".into())
    );
    let long = error(&message(&"x".repeat(5000)));
    assert!(matches!(long, QueryError::Other(words) if words.chars().count() == crate::quoting::LONGEST_QUOTE));
    assert!(!QueryError::TimedOut.is_about_schema());
}

#[test]
fn errors_with_a_status_of_their_own() {
    let invalid = json(401, &message("Invalid token"));
    assert_eq!(refused(&invalid), Refusal::TokenOrScope);
    let account = json(403, &message("API not accessible for user"));
    assert_eq!(refused(&account), Refusal::Account("API not accessible for user".to_owned()));
    let failed = json(500, &message("Internal server error"));
    assert_eq!(refused(&failed), Refusal::ServerError(500));
    let only = |status, text| read::<Root>(&json(status, &message(text)), &NOW).unwrap();
    let large = only(422, "Query too large");
    assert_eq!((large.data, large.errors), (None, vec![QueryError::TooLarge("Query too large".to_owned())]));
    let slow = only(503, "Request timed out. Please try a less complex query or a smaller set of records.");
    assert_eq!((&slow.data, slow.errors.as_slice()), (&None, [QueryError::TimedOut].as_slice()));
    assert_eq!(slow.into_data(), Err(Refusal::QueryFailed("the database took too long".to_owned())));
}

#[test]
fn the_same_statuses_of_others_are_read_as_theirs() {
    let maintenance = json(503, r#"{"message":"GitLab Maintenance: system is in maintenance mode"}"#);
    assert_eq!(refused(&maintenance), Refusal::ServerError(503));
    assert_eq!(refused(&json(503, &message("Request failed"))), Refusal::ServerError(503));
    assert_eq!(refused(&json(503, "")), Refusal::ServerError(503));
    let page = |status| response(status, "text/html", "<html>");
    assert_eq!(refused(&page(503)), Refusal::ServerError(503));
    assert_eq!(refused(&json(422, &message("Something"))), Refusal::Unexpected(422, "Something".to_owned()));
    assert_eq!(refused(&json(404, r#"{"error":"404 Not Found"}"#)), Refusal::NoSuchEndpoint);
    assert_eq!(refused(&page(404)), Refusal::NotTheApi(Stranger::WebPage), "every GitLab has the route");
    assert_eq!(refused(&page(200)), Refusal::NotTheApi(Stranger::WebPage));
    assert_eq!(
        refused(&response(200, "text/plain", "{}")),
        Refusal::NotTheApi(Stranger::OtherContent("text/plain".into()))
    );
    let limited = and_header(response(429, "text/plain", "Retry later"), "retry-after", "31");
    assert_eq!(refused(&limited), Refusal::TooOften(Some(31)));
    assert!(matches!(refused(&json(401, r#"{"message":"401 Unauthorized"}"#)), Refusal::Token(..)));
}

#[test]
fn an_answer_without_data_and_errors_is_not_graphql() {
    for body in ["{}", r#"{"data":null}"#, r#"{"version":"18.0.0"}"#] {
        assert!(matches!(answer(body), Err(Refusal::NotTheApi(Stranger::OtherContent(_)))), "{body}");
    }
    for body in ["[]", "null", "{", r#"{"data":{"currentLicense":7}}"#, r#"{"errors":7}"#] {
        assert!(matches!(answer(body), Err(Refusal::Unreadable(_))), "{body}");
    }
    let private = answer(r#"{"data":{"currentLicense":{"plan":["mira@corp.example"]}}}"#).unwrap_err();
    assert!(!format!("{private:?}").contains("mira"));
}

#[test]
fn no_server_makes_us_keep_errors_without_end() {
    let many = vec![r#"{"message":"x"}"#; 1000].join(",");
    assert_eq!(answer(&format!(r#"{{"errors":[{many},7,null]}}"#)).unwrap().errors.len(), MOST_ERRORS);
    assert_eq!(error(r#"{"errors":["odd"]}"#), QueryError::Other(String::new()));
}

#[test]
fn global_ids_are_reduced_to_their_number() {
    let id = |gid: &str| id_of_gid(gid).map(|id| id.as_str().to_owned());
    assert_eq!(id("gid://gitlab/User/42").as_deref(), Some("42"));
    assert_eq!(
        id("gid://gitlab/GitlabSubscriptions::AddOnPurchase/9223372036854775808").as_deref(),
        Some("9223372036854775808")
    );
    for wrong in [
        "42",
        "gid://gitlab/User/",
        "gid://gitlab//42",
        "gid://gitlab/42",
        "gid://gitlab/User/007",
        "gid://gitlab/X/a-b",
        "gid://other/User/42",
        "",
    ] {
        assert_eq!(id(wrong), None, "{wrong}");
    }
}
