//! What the plugin is, and the form it asks for.
//!
//! Guarantees: the descriptor is the same at every call; its keys are the only ones `configure` knows; every default
//! is a value that `configure` accepts.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// One line.
    Text,
    /// An address.
    Url,
    /// A secret that never reaches this plugin's settings.
    Secret,
    /// One of [`Field::choices`].
    Choice,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Stable name.
    pub key: &'static str,
    /// Short name.
    pub label: &'static str,
    /// What to enter, and where to find it.
    pub help: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it must be given.
    pub required: bool,
    /// Taken when nothing is given.
    pub default_value: Option<&'static str>,
    /// An example.
    pub placeholder: Option<&'static str>,
    /// Value and label of each choice.
    pub choices: &'static [(&'static str, &'static str)],
}

/// What the plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Stable id.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Whose licenses it reads.
    pub vendor: &'static str,
    /// The plugin's own version.
    pub version: &'static str,
    /// The field that holds the secret.
    pub credential_field: &'static str,
    /// The header that carries it.
    pub credential_header: &'static str,
    /// What stands before it there.
    pub credential_prefix: &'static str,
    /// The form, in order.
    pub fields: &'static [Field],
}

/// Name of GitLab as the vendor of records.
pub const VENDOR: &str = "GitLab";

/// Version of this plugin; also in the `User-Agent`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The header of every kind of token: personal, group, project, service-account and OAuth (GitLab REST and GraphQL
/// authentication, all versions). `PRIVATE-TOKEN` would not take the last.
pub const CREDENTIAL_HEADER: &str = "authorization";

/// What stands before the token in that header.
pub const CREDENTIAL_PREFIX: &str = "Bearer ";

/// Keys of the form.
pub mod key {
    /// Address of the instance.
    pub const HOST_URL: &str = "host_url";
    /// Access token.
    pub const TOKEN: &str = "token";
    /// Only this top-level group.
    pub const GROUP: &str = "group";
    /// How GitLab is run.
    pub const DEPLOYMENT: &str = "deployment";
    /// Read the list of a group's members.
    pub const MEMBERS: &str = "members";
    /// Look up role and date of every holder.
    pub const MEMBERSHIPS: &str = "memberships";
    /// Read add-on seats.
    pub const ADD_ONS: &str = "add_ons";
    /// How much of a person is delivered.
    pub const IDENTITY: &str = "identity";
    /// Requests at once.
    pub const MAX_CONCURRENCY: &str = "max_concurrency";
}

const PLAIN: Field = Field {
    key: "",
    label: "",
    help: "",
    kind: FieldKind::Text,
    required: false,
    default_value: None,
    placeholder: None,
    choices: &[],
};

const FIELDS: &[Field] = &[
    Field {
        key: key::HOST_URL,
        label: "GitLab address",
        help: "Address of your GitLab as you open it in a browser. Any page of it will do, and so will a bare host name.",
        kind: FieldKind::Url,
        required: true,
        placeholder: Some("https://gitlab.example.com"),
        ..PLAIN
    },
    Field {
        key: key::TOKEN,
        label: "Access token",
        help: "A token with the scopes `read_api` and `read_user`: on GitLab.com of an Owner of the group, or a group \
               access token with that role; on your own GitLab of an administrator, with `admin_mode` as well where \
               Admin Mode is used. In GitLab: your avatar, Preferences, Access tokens. Nothing is ever written with it.",
        kind: FieldKind::Secret,
        required: true,
        ..PLAIN
    },
    Field {
        key: key::GROUP,
        label: "Top-level group",
        help: "GitLab.com only: the path of one top-level group, such as `acme`. Empty for all groups that the token's \
               user owns.",
        placeholder: Some("acme"),
        ..PLAIN
    },
    Field {
        key: key::DEPLOYMENT,
        label: "How GitLab is run",
        help: "Decided by the address. Choose it yourself only where the address does not tell.",
        kind: FieldKind::Choice,
        default_value: Some("auto"),
        choices: &[
            ("auto", "Decide by the address"),
            ("gitlab-com", "GitLab.com"),
            ("self-managed", "Self-managed or Dedicated"),
        ],
        ..PLAIN
    },
    Field {
        key: key::MEMBERS,
        label: "Read the group's members",
        help: "GitLab.com, for an Owner: beside the list of seats also that of the group's members. Gives role and date \
               of each seat, and who takes no seat and why. Without it, a third of the requests.",
        kind: FieldKind::Boolean,
        default_value: Some("true"),
        ..PLAIN
    },
    Field {
        key: key::MEMBERSHIPS,
        label: "Look up role and date of every seat",
        help: "GitLab.com only: asks twice more for each holder, which takes minutes in large groups. Gives the highest \
               role and the earliest membership below the group, too; without it, those in the group itself.",
        kind: FieldKind::Boolean,
        default_value: Some("false"),
        ..PLAIN
    },
    Field {
        key: key::ADD_ONS,
        label: "Read add-on seats",
        help: "Whether seats of add-ons such as GitLab Duo are wanted too.",
        kind: FieldKind::Boolean,
        default_value: Some("true"),
        ..PLAIN
    },
    Field {
        key: key::IDENTITY,
        label: "Personal data",
        help: "How much of a person leaves GitLab: everything that the seat list has, the login name alone, or a \
               pseudonym made of the account's number.",
        kind: FieldKind::Choice,
        default_value: Some("full"),
        choices: &[
            ("full", "Name, e-mail address and accounts elsewhere"),
            ("username", "Login name only"),
            ("pseudonym", "Pseudonym only"),
        ],
        ..PLAIN
    },
    Field {
        key: key::MAX_CONCURRENCY,
        label: "Requests at once",
        help: "How many requests this plugin keeps open at the same time, from 1 to 16. Lower it if GitLab is slow \
               while seats are read.",
        kind: FieldKind::Integer,
        default_value: Some("6"),
        ..PLAIN
    },
];

/// What the plugin is and which settings it needs.
#[must_use]
pub const fn describe() -> Descriptor {
    Descriptor {
        id: "gitlab-seats",
        name: "GitLab seats",
        vendor: VENDOR,
        version: VERSION,
        credential_field: key::TOKEN,
        credential_header: CREDENTIAL_HEADER,
        credential_prefix: CREDENTIAL_PREFIX,
        fields: FIELDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_has_the_agreed_fields_in_order() {
        let form: Vec<_> = describe()
            .fields
            .iter()
            .map(|field| (field.key, field.kind, field.required, field.default_value))
            .collect();
        assert_eq!(
            form,
            [
                ("host_url", FieldKind::Url, true, None),
                ("token", FieldKind::Secret, true, None),
                ("group", FieldKind::Text, false, None),
                ("deployment", FieldKind::Choice, false, Some("auto")),
                ("members", FieldKind::Boolean, false, Some("true")),
                ("memberships", FieldKind::Boolean, false, Some("false")),
                ("add_ons", FieldKind::Boolean, false, Some("true")),
                ("identity", FieldKind::Choice, false, Some("full")),
                ("max_concurrency", FieldKind::Integer, false, Some("6")),
            ]
        );
    }

    #[test]
    fn every_field_is_explained_and_the_token_names_its_scopes() {
        for field in describe().fields {
            assert!(!field.label.is_empty() && field.help.len() > 30, "{}", field.key);
            assert_eq!(field.kind == FieldKind::Choice, !field.choices.is_empty(), "{}", field.key);
        }
        let token = describe().fields.iter().find(|field| field.key == key::TOKEN);
        for word in ["read_api", "read_user", "admin_mode", "administrator"] {
            assert!(token.is_some_and(|field| field.help.contains(word)), "{word}");
        }
    }
}
