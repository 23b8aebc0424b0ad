//! The words for each refusal, and the contract's case for it.
//!
//! Guarantees: one sentence of cause, one of remedy that can be followed without GitLab's documentation.
//!
//! Refuses to guess: where two causes look alike (a 403 without a word), the sentence names both.

use super::endpoint::Endpoint;
use super::refusal::{Refusal, Stranger};
use crate::configuration::settings::{Deployment, Settings};
use crate::failure::{Explanation, Failure, Rejection};
use crate::transport::{TransportError, Unreachable};

impl Refusal {
    /// The failure of a call that stopped at this refusal.
    #[must_use]
    pub fn into_failure(self, endpoint: &Endpoint, settings: &Settings) -> Failure {
        self.into_failure_at(endpoint.name(), settings)
    }

    /// The same for anything else that was asked, by method and path: [`super::graphql::NAME`].
    #[must_use]
    pub fn into_failure_at(self, name: impl Into<String>, settings: &Settings) -> Failure {
        let explanation = self.explanation(settings).at(name);
        match self {
            Self::NoAnswer(TransportError::Denied(_)) => Failure::DeniedByHost(explanation),
            Self::NoAnswer(TransportError::Tls(_)) => Failure::Tls(explanation),
            Self::NoAnswer(TransportError::Unreachable(_)) => Failure::Unreachable(explanation),
            Self::NoAnswer(TransportError::TooLarge { limit }) => {
                Failure::Malformed { why: format!("expected at most {limit} bytes, more came"), explanation }
            }
            Self::Token(reason, _) => Failure::Unauthorized { reason, explanation },
            Self::TokenOrScope => Failure::Unauthorized { reason: Rejection::Rejected, explanation },
            Self::Scope(scopes) => Failure::Forbidden { missing: sufficient_scope(&scopes), explanation },
            Self::Permission(_) => Failure::Forbidden { missing: "read_api".to_owned(), explanation },
            Self::Account(_) => Failure::Forbidden { missing: "an active account".to_owned(), explanation },
            Self::NotAllowed => Failure::Forbidden { missing: role(settings).0.to_owned(), explanation },
            Self::NoSuchEndpoint | Self::NotFound | Self::NotInSchema(_) => Failure::NotFound(explanation),
            Self::TooOften(retry_after) => Failure::RateLimited { retry_after, explanation },
            Self::BrowserCheck(status) | Self::ServerError(status) => Failure::Upstream { status, explanation },
            Self::Unexpected(status, _) => {
                Failure::Malformed { why: format!("expected status 200, status {status} came"), explanation }
            }
            Self::NotTheApi(stranger) => Failure::Malformed { why: stranger.why(), explanation },
            Self::QueryFailed(sentence) => {
                Failure::Malformed { why: format!("expected data, an error came: {sentence}"), explanation }
            }
            Self::Unreadable(why) => Failure::Malformed { why, explanation },
        }
    }

    /// Cause and remedy.
    #[must_use]
    pub fn explanation(&self, settings: &Settings) -> Explanation {
        let base = &settings.base_url;
        let new_token = || format!("Create a new token at {} and enter it.", settings.token_page());
        match self {
            Self::NoAnswer(error) => no_answer(error, settings),
            Self::Token(Rejection::Expired, _) => {
                Explanation::new("The access token has expired.").hint(new_token())
            }
            Self::Token(Rejection::Revoked, _) => {
                Explanation::new("The access token has been revoked.").hint(new_token())
            }
            Self::Token(Rejection::Rejected, sentence) => Explanation::new(sentence.as_ref().map_or_else(
                || "GitLab does not know the access token.".to_owned(),
                |sentence| format!("GitLab did not accept the access token: {sentence}"),
            ))
            .hint(format!(
                "Enter the token again, whole and of this GitLab, or create a new one at {}",
                settings.token_page()
            )),
            Self::TokenOrScope => Explanation::new(
                "GitLab's GraphQL does not accept the access token: it is not valid any more, or it lacks the scope read_api.",
            )
            .hint(new_token()),
            Self::Scope(scopes) => Explanation::new(format!(
                "The access token lacks a scope; GitLab asks for {}.",
                if scopes.is_empty() { "read_api".to_owned() } else { scopes.join(" or ") }
            ))
            .hint(format!(
                "Scopes of a token cannot be changed: create a new one with {} at {}",
                sufficient_scope(scopes),
                settings.token_page()
            )),
            Self::Permission(sentence) => {
                Explanation::new(format!("The fine-grained access token lacks a permission: {sentence}")).hint(format!(
                    "Create a classic token with the scopes read_api and read_user at {}",
                    settings.token_page()
                ))
            }
            Self::Account(sentence) => Explanation::new(format!("GitLab does not let the token's account in: {sentence}"))
                .hint(format!(
                    "Have GitLab's administrator unblock or activate the account, or sign in as its user and do what GitLab asks for; or else use the token of {}.",
                    role(settings).1
                )),
            Self::NotAllowed => Explanation::new(
                "GitLab answers 403: the token's user may not do this, or GitLab does not accept the broker's network address.",
            )
            .hint(format!("Use the token of {}; if it is one, have the address restrictions checked.", role(settings).1)),
            Self::NoSuchEndpoint => Explanation::new("This GitLab has no such endpoint.")
                .hint("Check that the address is that of a GitLab Enterprise Edition and that it is up to date."),
            Self::NotFound => Explanation::new("GitLab did not find what was asked for, or hides it from the token's user.")
                .hint(format!("Use the token of {}.", role(settings).1)),
            Self::TooOften(wait) => Explanation::new(match wait {
                Some(seconds) => format!("GitLab has received too many requests and asks to wait for {seconds} seconds."),
                None => "GitLab has received too many requests and does not say how long to wait.".to_owned(),
            })
            .hint("Wait, then repeat; if it comes back, lower the number of requests at once."),
            Self::BrowserCheck(status) => Explanation::new(format!(
                "Something before GitLab answers {status} with a web page, which is how a bot check or an address filter refuses programs.",
            ))
            .hint("Repeat later; if it stays, have the broker's address let through to GitLab's API."),
            Self::ServerError(status) => Explanation::new(format!("GitLab, or a proxy before it, failed with status {status}."))
                .hint("Repeat later; if it stays, look into GitLab's logs."),
            Self::Unexpected(status, sentence) if sentence.is_empty() => {
                Explanation::new(format!("GitLab answered with status {status}.")).hint(report_it())
            }
            Self::Unexpected(status, sentence) => {
                Explanation::new(format!("GitLab answered with status {status}: {sentence}")).hint(report_it())
            }
            Self::NotInSchema(sentence) => Explanation::new(format!("This GitLab's GraphQL does not know what was asked: {sentence}"))
                .hint("It is of another version or edition than this was made for; upgrade GitLab if it is an old one."),
            Self::QueryFailed(sentence) => {
                Explanation::new(format!("GitLab's GraphQL refused to answer: {sentence}")).hint(report_it())
            }
            Self::NotTheApi(stranger) => Explanation::new(format!("{base} does not answer as GitLab's API: {}.", stranger.why()))
                .hint(stranger.remedy()),
            Self::Unreadable(why) => Explanation::new(format!("GitLab's answer cannot be understood: {why}."))
                .hint("Check whether a proxy changes answers; otherwise report this with the version of GitLab."),
        }
    }
}

impl Stranger {
    /// What was expected and what came.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::SignInPage => "a sign-in page instead of JSON".to_owned(),
            Self::OtherHost(host) => format!("a redirect to {host} instead of JSON"),
            Self::Moved => "a redirect instead of JSON".to_owned(),
            Self::WebPage => "a web page (HTML) instead of JSON".to_owned(),
            Self::OtherContent(kind) => format!("{kind} instead of GitLab's JSON"),
        }
    }

    const fn remedy(&self) -> &'static str {
        match self {
            Self::SignInPage => {
                "Check the path of the address; if it is right, a single sign-on proxy stands before GitLab and has to let /api/ through."
            }
            Self::OtherHost(_) => {
                "Enter the address to which it leads if that is GitLab; if it is a sign-on page, let /api/ through."
            }
            Self::Moved => "Enter the address at which GitLab opens in a browser, with https:// and the right path.",
            Self::WebPage | Self::OtherContent(_) => {
                "Enter the address at which GitLab opens in a browser, without the path of a page or with the path under which it is installed."
            }
        }
    }
}

fn no_answer(error: &TransportError, settings: &Settings) -> Explanation {
    let place = settings.base_url.authority();
    match error {
        TransportError::Denied(_) => Explanation::new(format!("{place} was not asked: {error}."))
            .hint("Have the broker's network policy for this source checked, or enter an address that it allows."),
        TransportError::Tls(_) => Explanation::new(format!("{place} was not asked: {error}.")).hint(
            "Have the certificate of GitLab renewed, or give the broker the certificate authority that signed it; check that the address has the name in the certificate.",
        ),
        TransportError::TooLarge { .. } => Explanation::new(format!("{place} was not understood: {error}.")).hint(report_it()),
        TransportError::Unreachable(cause) => {
            Explanation::new(format!("{place} cannot be reached: {cause}.")).hint(match cause {
                Unreachable::NameNotFound => "Check the spelling of the address, and that the broker's network knows the name.",
                Unreachable::Refused => "Check the port of the address, and that GitLab is running.",
                Unreachable::TimedOut => "Check that a firewall lets the broker through, then repeat.",
                Unreachable::BrokeOff => "Repeat; if it stays, look into the logs of the proxy before GitLab.",
                Unreachable::NoRoute => "Check that the broker's network leads to GitLab.",
                Unreachable::Protocol => "Check scheme and port of the address: a plain HTTP port does not speak https, and the reverse.",
                Unreachable::Other => "Repeat later; if it stays, have the network between broker and GitLab checked.",
            })
        }
    }
}

/// Who may read seats: GitLab's name of the role, and the words for its holder.
const fn role(settings: &Settings) -> (&'static str, &'static str) {
    match settings.deployment {
        Deployment::SelfManaged => ("administrator", "an administrator of this GitLab"),
        Deployment::GitlabCom => ("Owner", "an Owner of the top-level group"),
    }
}

const fn report_it() -> &'static str {
    "Check whether a proxy stands before GitLab; otherwise report this with the version of GitLab."
}

/// The least scope that would do. GitLab names the alternatives in no fixed order.
fn sufficient_scope(scopes: &[String]) -> String {
    if scopes.is_empty() || scopes.iter().any(|scope| scope == "read_api") {
        "read_api".to_owned()
    } else {
        scopes.join(" ")
    }
}
