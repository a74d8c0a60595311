//! Negotiates the media type of a response by the header Accept (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

/// A media type of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`: the status says whether the request was executed.
    GraphqlResponse,
    /// `application/json`: every well-formed request gets 200, even if its document is invalid.
    Json,
}

/// How specifically a range of an Accept header matches a media type. The most specific range decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Anything,
    Application,
    Exact,
}

impl Media {
    const ALL: [Self; 2] = [Self::Json, Self::GraphqlResponse];

    /// The media type that the client prefers. `None` if it accepts neither.
    pub fn negotiate(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(ACCEPT) {
            return Some(Self::Json);
        }
        let header: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let header = header.join(",");
        let acceptable = Self::ALL.into_iter().filter_map(|media| {
            let (weight, fit) = media.quality(&header)?;
            // If the weights are equal, the one that is named wins; if both are named, the newer one; if neither is, the
            // older one.
            let preferred = (media == Self::GraphqlResponse) == (fit == Fit::Exact);
            Some(((weight, fit, preferred), media))
        });
        acceptable.max_by_key(|(preference, _)| *preference).map(|(_, media)| media)
    }

    /// The value of Content-Type.
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

    /// The weight that the client gives this type, in thousandths, and the fit of the range that says so. `None` if the
    /// client doesn't accept it.
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

/// A weight (RFC 9110, section 12.4.2) in thousandths: 0 to 1, with up to three decimals. A malformed one counts as 0.
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
    fn the_preferred_type_is_chosen() {
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
