//! `report price`: what a seat costs, by the customer's contract.

use std::process::ExitCode;

use broker::store::prices::Price;
use serde_json::json;

use super::super::super::error::CommandError;
use super::super::super::terminal::printable;
use super::super::answer;
use super::super::data::{act, user};
use super::super::select::Whose;

#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  cargo sim report price set 1 instance:premium 228.00 EUR\n  cargo sim report price clear 1 instance:premium"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Set what one seat of a pool costs for a year
    #[command(after_help = "Example:\n  cargo sim report price set 1 instance:premium 228.00 EUR")]
    Set {
        #[command(flatten)]
        pool: Pool,
        /// Of one seat for a year, such as 228 or 228.50
        #[arg(value_name = "AMOUNT", value_parser = parse_cents)]
        amount: i64,
        /// Three capital letters, such as EUR
        #[arg(value_name = "CURRENCY")]
        currency: String,
    },
    /// Forget what a seat of a pool costs
    #[command(after_help = "Example:\n  cargo sim report price clear 1 instance:premium")]
    Clear {
        #[command(flatten)]
        pool: Pool,
    },
}

/// A pool.
#[derive(Debug, clap::Args)]
struct Pool {
    /// Number of the source, as `source list` tells it
    #[arg(value_name = "SOURCE")]
    source: i64,
    /// The pool, as `report sizing` tells it
    #[arg(value_name = "POOL")]
    pool: String,
    #[command(flatten)]
    whose: Whose,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Hundredths. Exact: no binary fraction is in between.
fn parse_cents(text: &str) -> Result<i64, String> {
    let expected = || "expected an amount such as 228 or 228.50".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() != 2 {
        return Err(expected());
    }
    let whole: i64 = whole.parse().map_err(|_| expected())?;
    let part: i64 = part.parse().map_err(|_| expected())?;
    whole.checked_mul(100).and_then(|cents| cents.checked_add(part)).ok_or_else(expected)
}

/// Cents, as an amount.
pub(super) fn money(cents: i64, currency: &str) -> String {
    format!("{}.{:02} {currency}", cents / 100, cents % 100)
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let user = user();
    match &args.command {
        Command::Set { pool, amount, currency } => {
            let price = Price { cents: *amount, currency: currency.clone() };
            let store = pool.whose.store()?;
            store.set_price(act(&user), pool.whose.tenant(), pool.source, &pool.pool, &price)?;
            let document = json!({ "source_no": pool.source, "pool_id": pool.pool, "price": price });
            answer(pool.json, &document, || {
                format!("{}: {} for a seat and year\n", printable(&pool.pool), money(price.cents, &price.currency))
            })?;
        }
        Command::Clear { pool } => {
            pool.whose.store()?.clear_price(act(&user), pool.whose.tenant(), pool.source, &pool.pool)?;
            let document = json!({ "source_no": pool.source, "pool_id": pool.pool, "price": null });
            answer(pool.json, &document, || format!("{}: no price\n", printable(&pool.pool)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::{money, parse_cents};

    #[test]
    fn an_amount_is_exact() {
        for (text, cents) in [("228", 22_800), ("228.50", 22_850), ("0.07", 7), ("0", 0)] {
            assert_eq!(parse_cents(text), Ok(cents), "{text}");
        }
        for text in
            ["", ".50", "1.", "1.5", "1.505", "-1", "1,50", "1e3", "+1", "99999999999999999999", "92233720368547758.08"]
        {
            assert!(parse_cents(text).is_err(), "{text}");
        }
        assert_eq!([money(7, "EUR"), money(22_850, "USD")], ["0.07 EUR", "228.50 USD"]);
    }
}
