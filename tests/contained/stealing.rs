//! A guest that looks for the credential. It is not there: not in its memory, not in an answer, not in a header of its own.

use host_sim::contract::Credential;
use host_sim::egress::DenialCode;

use crate::support::guests::{Attacked, CANARY, tight, told};
use crate::support::wiretap::Wiretap;

pub async fn secret_thief() {
    let server = Wiretap::start();
    let attacked = Attacked::new("secret_thief", &server.url(), tight());
    let call = attacked.page("").await;
    let loot = told(&call);
    // It did see the echo of its request, with as many asterisks as the credential has characters.
    let masked = format!("Bearer {}", "*".repeat(CANARY.len()));
    assert!(loot.iter().any(|text| *text == masked), "{loot:?}");
    assert!(loot.iter().any(|text| text.contains(&format!("authorization: {masked}"))), "{loot:?}");
    assert!(!loot.iter().any(|text| text.contains("of-the-host")), "a session is a credential, too: {loot:?}");
    assert!(loot.contains(&"placeholder"), "its own fields are as it wrote them: {loot:?}");
    let seen = format!("{:?}", call.result);
    assert!(!holds_canary(seen.as_bytes()), "{seen}");

    // Neither fields that no plugin sends nor a sign-in of its own.
    assert_eq!(call.bill.denials[0].code, DenialCode::SignIn, "{:?}", call.bill.denials);
    assert_eq!(call.bill.denials[0].message, "the header field x-loot is not one that a plugin may send");
    let failure = call.last_failure.as_ref().unwrap();
    assert_eq!(failure.words, "the body of the request is not JSON, or signs in, which is the host's to do");
    // Of the one whose body is refused, nothing or the head has come.
    let sent: Vec<_> = server.requests().into_iter().filter(|request| !request.is_empty()).collect();
    assert!((3..=4).contains(&sent.len()), "one to look, two to send the loot: {}", sent.len());
    assert!(!sent.iter().any(|request| String::from_utf8_lossy(request).contains("private_token")));
    for request in &sent {
        let text = String::from_utf8_lossy(request);
        let line = format!("authorization: Bearer {CANARY}\r\n");
        assert_eq!(text.matches(&line).count(), 1, "{text}");
        // It stands where the host wrote it, and nowhere else.
        assert!(!holds_canary(text.replace(&line, "").as_bytes()), "{text}");
    }
    assert!(sent.iter().any(|request| request.starts_with(b"GET /loot/")));
    assert!(sent.iter().any(|request| request.starts_with(b"POST /loot ")));

    let config = attacked.config("");
    let dump = async |credential| {
        let call = attacked.plugin.collect_then_dump(&attacked.network, &config, &credential, None).await;
        call.result.unwrap().1
    };
    assert!(!holds_canary(&dump(Credential::Injected).await));
    // The counterpart: a guest that is given the credential has it, and it is found.
    assert!(holds_canary(&dump(Credential::Value(CANARY.to_owned())).await));
    attacked.assert_honest_works().await;
}

/// The canary as it is, reversed, or in hexadecimal digits, as the guest writes what it takes.
fn holds_canary(bytes: &[u8]) -> bool {
    let letters: String = CANARY.chars().filter(char::is_ascii_alphanumeric).rev().collect();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let reversed: String = CANARY.chars().rev().collect();
    [CANARY, &letters, &hex, &reversed]
        .iter()
        .any(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}
