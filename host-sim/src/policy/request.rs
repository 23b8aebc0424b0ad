//! Whether a request may leave, as far as that can be told before a connection is made.
//!
//! The order is that of what is asked: the method, the path as it would be sent, the origin, the paths of that origin, the
//! address if the host is one, the encryption. A name's addresses are looked at when it is resolved, with the same
//! [`NetworkPolicy`].
//!
//! | refused | allowed by |
//! | --- | --- |
//! | a method other than GET and POST | nothing |
//! | a path that can be read as another one | nothing |
//! | a sign-in of the plugin's own in the address ([`sign_in`]) | nothing |
//! | user information, other schemes, hosts that are none | nothing |
//! | another origin than granted | entering that address |
//! | another path of it than granted, or a POST where only GET is granted | nothing: the plugin itself did not ask for it |
//! | loopback, private addresses | `--allow-loopback`, `--allow-private-network` |
//! | metadata, link-local, multicast and the like | nothing |
//! | plain http | `--allow-loopback`, to this machine; nothing elsewhere |
//!
//! Not refused: a POST that writes, where POST is granted. GraphQL asks by POST, and whether a body is a query or a mutation is
//! known to the service alone, as is whether it does anything: with the scopes of a token that can only read it does not.

use std::net::IpAddr;

use super::grant::{Grant, Method};
use super::network::{AddressKind, NetworkPolicy};
use super::origin::{Origin, OriginError, Scheme};
use super::path::{self, PathError};
use super::sign_in::{self, SignIn};

/// What a source may do.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Where requests may go.
    pub grant: &'a Grant,
    /// Which addresses they may go to.
    pub network: NetworkPolicy,
    /// Whether the host writes a credential.
    pub credential: bool,
}

/// A request as a plugin wants it sent.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Method, in upper case.
    pub method: &'a str,
    /// The whole URI.
    pub uri: &'a str,
    /// Path and query of it, as they would be sent.
    pub path_and_query: &'a str,
}

/// Why a request does not leave. Displays as a sentence without user information and query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A method other than GET and POST.
    #[error("the method {0} is not allowed, only GET and POST")]
    Method(String),
    /// A path that can be read as another one.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A credential of the plugin's own, or what could be one.
    #[error(transparent)]
    SignIn(#[from] SignIn),
    /// No origin.
    #[error("the address of the request is not accepted: {0}")]
    Origin(#[from] OriginError),
    /// Another origin than granted.
    #[error("{wanted} is not the granted origin ({granted})")]
    NotGranted {
        /// Where the request wants to go.
        wanted: Origin,
        /// What is granted.
        granted: Grant,
    },
    /// The granted origin, and none of the granted paths.
    #[error("the path {path} of {wanted} is not below what is granted ({granted})")]
    NotBelow {
        /// How it is asked.
        method: Method,
        /// Where the request wants to go.
        wanted: Origin,
        /// To which path, without query.
        path: String,
        /// What is granted.
        granted: Grant,
    },
    /// A granted path, for another method.
    #[error("{method} of the path {path} of {wanted} is not granted ({granted})")]
    NotByMethod {
        /// How it is asked.
        method: Method,
        /// Where the request wants to go.
        wanted: Origin,
        /// To which path, without query.
        path: String,
        /// What is granted.
        granted: Grant,
    },
    /// An address that the policy does not allow.
    #[error("{}", prohibited(.host, *.address))]
    Address {
        /// The host as it is written in a URL.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// Unencrypted.
    #[error("{}", plain(.wanted, *.credential))]
    PlainHttp {
        /// Where the request wants to go.
        wanted: Origin,
        /// Whether it is about a credential.
        credential: bool,
    },
}

impl Refusal {
    /// The policy's word on an address that a name turned out to have.
    #[must_use]
    pub fn of_address(wanted: &Origin, network: NetworkPolicy, credential: bool, address: IpAddr) -> Self {
        if wanted.scheme() == Scheme::Http && network.allows(address) {
            // Allowed as such: what is wrong with it is that nobody there can prove who they are.
            return Self::PlainHttp { wanted: wanted.clone(), credential };
        }
        Self::Address { host: wanted.host(), address }
    }

    /// What would allow the request, or that nothing does.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Method(_) => "nothing allows it: a plugin asks by GET and POST; give it a token that can only read, since a POST may write"
                .to_owned(),
            Self::Path(_) => {
                "nothing allows it: a server could take it for another path than the one checked".to_owned()
            }
            Self::SignIn(SignIn::Kind(_)) => "nothing allows it: a plugin asks with JSON or without a body".to_owned(),
            Self::SignIn(_) => {
                "nothing allows it: a plugin acts with the token that was entered, and with no other".to_owned()
            }
            Self::Origin(_) => "nothing allows it".to_owned(),
            Self::NotGranted { wanted, .. } => {
                format!("--url {wanted} would allow it, as another source; a plugin reaches only the address entered")
            }
            Self::NotBelow { method, wanted, path, .. } | Self::NotByMethod { method, wanted, path, .. } => {
                let method = method.in_entry();
                format!("`{method}{wanted}{path}` among the plugin's allowed-origins would allow it; only its author can add it")
            }
            Self::Address { address, .. } => match NetworkPolicy::switch_for(*address) {
                Some(switch) => format!("{switch} allows it"),
                None => "nothing allows it".to_owned(),
            },
            Self::PlainHttp { wanted, .. } if is_loopback(wanted) => "--allow-loopback allows it".to_owned(),
            Self::PlainHttp { .. } => "nothing allows it; enter the address with https".to_owned(),
        }
    }
}

/// Why an address was refused, with what would allow it.
fn prohibited(host: &str, address: IpAddr) -> String {
    let place = if host.trim_matches(['[', ']']) == address.to_string() {
        format!("the address {address}")
    } else {
        format!("{host} is at {address}, which")
    };
    match NetworkPolicy::switch_for(address) {
        Some(switch) => format!("{place} is not allowed without {switch}"),
        None => format!("{place} is never allowed"),
    }
}

fn plain(wanted: &Origin, credential: bool) -> String {
    if credential {
        format!("the token is not sent unencrypted to {wanted}; use https")
    } else {
        format!("nothing is sent unencrypted to {wanted}; use https")
    }
}

/// This machine: by an address, or by the name reserved for it, since any other name could be made to resolve elsewhere.
fn is_loopback(origin: &Origin) -> bool {
    origin
        .address()
        .map_or_else(|| origin.host() == "localhost", |address| AddressKind::of(address) == AddressKind::Loopback)
}

/// Decides on a request, and tells the origin to connect to.
///
/// # Errors
/// The first [`Refusal`] in the order above.
pub fn decide(rules: Rules<'_>, wanted: Wanted<'_>) -> Result<Origin, Refusal> {
    let Rules { grant, network, credential } = rules;
    let method = Method::of(wanted.method).ok_or_else(|| Refusal::Method(wanted.method.to_owned()))?;
    let path = wanted.path_and_query.split('?').next().unwrap_or_default();
    path::check(path)?;
    sign_in::check_address(wanted.path_and_query)?;
    // What stands before the path has to be scheme and authority alone, in every parser's eyes.
    let before = wanted.uri.strip_suffix(wanted.path_and_query).ok_or(OriginError::Ambiguous)?;
    let (_, authority) = before.split_once("://").unwrap_or_default();
    if authority.contains(['/', '\\', '?', '#']) || before.contains(|character: char| !character.is_ascii_graphic()) {
        return Err(OriginError::Ambiguous.into());
    }
    let origin = Origin::of_url(before)?;
    if !grant.allows(&origin) {
        return Err(Refusal::NotGranted { wanted: origin, granted: grant.clone() });
    }
    if !grant.covers(&origin, path) {
        return Err(Refusal::NotBelow { method, wanted: origin, path: path.to_owned(), granted: grant.clone() });
    }
    if !grant.permits(method, &origin, path) {
        return Err(Refusal::NotByMethod { method, wanted: origin, path: path.to_owned(), granted: grant.clone() });
    }
    connectable(network, credential, &origin)?;
    Ok(origin)
}

/// Whether the policy allows the address of an origin, if its host is one, and how it is spoken to.
///
/// # Errors
/// [`Refusal::Address`], [`Refusal::PlainHttp`].
pub fn connectable(network: NetworkPolicy, credential: bool, origin: &Origin) -> Result<(), Refusal> {
    if let Some(address) = origin.address()
        && !network.allows(address)
    {
        return Err(Refusal::Address { host: origin.host(), address });
    }
    if origin.scheme() == Scheme::Http && !(network.loopback && is_loopback(origin)) {
        return Err(Refusal::PlainHttp { wanted: origin.clone(), credential });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
