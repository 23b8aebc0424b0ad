//! Seats from a CSV file behind HTTPS: a whole plugin, small enough to be read at once and copied. See README.md.
//!
//! Every export is a function of its arguments and of the file, so that a host may repeat any call, or go on elsewhere.

mod seats;

use plugin_kit::connector::{
    Batch, Configuration, Credential, Cursor, Descriptor, Failure, FieldKind, FieldProblem, FieldValue, Guest,
    TestReport,
};
use plugin_kit::{form, http, report};

struct Plugin;

plugin_kit::export!(Plugin);

impl Guest for Plugin {
    fn describe() -> Descriptor {
        let example = Some("https://licenses.example.com/export/seats.csv");
        let address = "Address of the CSV file, without a query.";
        Descriptor {
            id: env!("CARGO_PKG_NAME").to_owned(),
            name: "Seats in a CSV file".to_owned(),
            vendor: seats::VENDOR.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            credential: form::bearer(),
            fields: vec![
                form::field(form::ADDRESS, "File", address, FieldKind::Url, example),
                form::field(form::TOKEN, "Token", "Token that may read the file.", FieldKind::Secret, None),
            ],
        }
    }

    fn configure(values: Vec<FieldValue>) -> Result<Configuration, Vec<FieldProblem>> {
        form::address_and_token(values)
    }

    fn test(config: Configuration, credential: Credential) -> TestReport {
        // What `collect` does, so that a test which passes promises something.
        let seats = http::get(&config.settings, &credential).and_then(|bytes| seats::parse(&bytes));
        report::of("The file can be read", seats.map(|seats| (seats.found(), seats.warnings())))
    }

    fn collect(config: Configuration, credential: Credential, cursor: Option<Cursor>) -> Result<Batch, Failure> {
        let bytes = http::get(&config.settings, &credential)?;
        seats::parse(&bytes)?.list(&config, &bytes).batch(cursor.as_deref())
    }
}
