//! The query string: parsed once, last value wins, values checked as GitLab's framework checks them.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// The sentence for a parameter that was refused; the `error` of a 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadParameter(pub(crate) String);

/// Decoded parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// All values of each name, in the order of the request.
    pairs: BTreeMap<String, Vec<String>>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(raw.as_bytes()).into_owned() {
            pairs.entry(name).or_default().push(value);
        }
        Self { pairs }
    }

    /// The value of a parameter; one without a value counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Every value of a parameter that may come more than once, such as `user_ids[]`.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.pairs.get(name).map_or(&[], Vec::as_slice)
    }

    /// A boolean in one of the spellings which the framework coerces.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, BadParameter> {
        match self.get(name) {
            None => Ok(false),
            Some(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "1" | "on" => Ok(true),
                "false" | "f" | "0" | "off" => Ok(false),
                _ => Err(BadParameter(format!("{name} is invalid"))),
            },
        }
    }

    /// A whole number.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, BadParameter> {
        self.get(name).map(|text| text.parse().map_err(|_| BadParameter(format!("{name} is invalid")))).transpose()
    }

    /// One of the values that a parameter may have, or the default.
    pub(crate) fn one_of(
        &self,
        name: &str,
        values: &[&'static str],
        default: &'static str,
    ) -> Result<&'static str, BadParameter> {
        let Some(text) = self.get(name) else { return Ok(default) };
        values
            .iter()
            .find(|value| **value == text)
            .copied()
            .ok_or_else(|| BadParameter(format!("{name} does not have a valid value")))
    }

    /// All parameters of the request and the endpoint's defaults, with some replaced, ordered by name: what GitLab
    /// echoes in `Link`.
    pub(crate) fn echo(&self, defaults: &[(&str, &str)], replaced: &[(&str, &str)]) -> String {
        let mut all: BTreeMap<&str, Vec<&str>> = defaults.iter().map(|(name, value)| (*name, vec![*value])).collect();
        for (name, values) in &self.pairs {
            // Only a name that ends with brackets keeps all of its values.
            let kept = if name.ends_with("[]") { 0 } else { values.len().saturating_sub(1) };
            all.insert(name, values.iter().skip(kept).map(String::as_str).collect());
        }
        all.extend(replaced.iter().map(|(name, value)| (*name, vec![*value])));
        let flat = all.iter().flat_map(|(name, values)| values.iter().map(move |value| (*name, *value)));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(flat).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_coerced_or_refused_by_name() {
        let query = Query::parse("active=true&blocked=0&page=x&per_page=7&sort=up&search=a%20b&search=c+d&empty=");
        assert_eq!(query.flag("active"), Ok(true));
        assert_eq!(query.flag("blocked"), Ok(false));
        assert_eq!(query.flag("absent"), Ok(false));
        assert_eq!(query.flag("page"), Err(BadParameter("page is invalid".into())));
        assert_eq!(query.integer("page"), Err(BadParameter("page is invalid".into())));
        assert_eq!(query.integer("per_page"), Ok(Some(7)));
        assert_eq!(query.get("search"), Some("c d"));
        assert_eq!(query.get("empty"), None);
        assert_eq!(
            query.one_of("sort", &["asc", "desc"], "desc"),
            Err(BadParameter("sort does not have a valid value".into()))
        );
    }

    #[test]
    fn an_echo_holds_defaults_and_replacements_by_name() {
        let query = Query::parse("sort=asc&cursor=old&name=a%26b");
        let echo = query.echo(&[("sort", "desc"), ("page", "1")], &[("cursor", "x==")]);
        assert_eq!(echo, "cursor=x%3D%3D&name=a%26b&page=1&sort=asc");
        let repeated = Query::parse("ids[]=3&ids[]=1&sort=asc&sort=desc");
        assert_eq!(repeated.echo(&[], &[]), "ids%5B%5D=3&ids%5B%5D=1&sort=desc");
    }
}
