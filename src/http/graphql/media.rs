//! The media type of a response: what the caller would rather have (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

/// The media types of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`: the status tells whether the request was executed.
    GraphqlResponse,
    /// `application/json`: a well-formed request is answered with 200, whatever came of it.
    Json,
}

/// How well a range of an Accept header describes a media type. The most specific one decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Anything,
    Application,
    Exact,
}

impl Media {
    const ALL: [Self; 2] = [Self::Json, Self::GraphqlResponse];

    /// The type that the Accept headers ask for. `None`: neither is acceptable.
    pub fn negotiate(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(ACCEPT) {
            return Some(Self::Json);
        }
        let header: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let header = header.join(",");
        let wanted = Self::ALL.into_iter().filter_map(|media| {
            let (weight, fit) = media.quality(&header)?;
            // Of two that are wanted alike, the one that is named; of two that are named, the newer; of two that
            // aren't, the older.
            let preferred = (media == Self::GraphqlResponse) == (fit == Fit::Exact);
            Some(((weight, fit, preferred), media))
        });
        wanted.max_by_key(|(wanted, _)| *wanted).map(|(_, media)| media)
    }

    /// The response header for it.
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    const fn essence(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
        }
    }

    /// How much it is wanted, in thousandths, and by what. `None`: not at all.
    fn quality(self, header: &str) -> Option<(u16, Fit)> {
        let ranges = header.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let fit = self.fit(parts.next()?)?;
            let weight = parts.find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
            });
            Some((fit, weight.unwrap_or(1000)))
        });
        let (fit, weight) = ranges.max()?;
        (weight > 0).then_some((weight, fit))
    }

    fn fit(self, range: &str) -> Option<Fit> {
        match range.to_ascii_lowercase().as_str() {
            "*/*" => Some(Fit::Anything),
            "application/*" => Some(Fit::Application),
            range => (range == self.essence()).then_some(Fit::Exact),
        }
    }
}

/// A weight (RFC 9110, section 12.4.2): 0 to 1, with up to three decimals. One that is malformed is taken for 0.
fn thousandths(weight: &str) -> u16 {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits => format!("{decimals:0<3}").parse().unwrap_or(0),
        "1" if digits && decimals.bytes().all(|byte| byte == b'0') => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Option<Media> {
        Media::negotiate(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]))
    }

    #[test]
    fn the_type_that_is_wanted_most_is_chosen() {
        use Media::{GraphqlResponse, Json};
        for (accept, expected) in [
            ("application/json", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/graphql-response+json, application/json", Some(GraphqlResponse)),
            ("application/json, application/graphql-response+json", Some(GraphqlResponse)),
            ("application/graphql-response+json;q=0.9, application/json", Some(Json)),
            ("application/graphql-response+json; charset=utf-8, application/json;q=0.9", Some(GraphqlResponse)),
            ("application/json, */*;q=0.1", Some(Json)),
            ("APPLICATION/JSON ; Q=0.001", Some(Json)),
            ("application/json;q=0, */*", Some(GraphqlResponse)),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Json)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;q=2", None),
            ("", None),
        ] {
            assert_eq!(negotiated(accept), expected, "{accept}");
        }
        assert_eq!(Media::negotiate(&HeaderMap::new()), Some(Json));
    }
}
