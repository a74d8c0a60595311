//! One measurement of the server under load, on a fresh copy of a database.

use std::time::Duration;

use super::{Codes, Databases, Latencies, Load, Question, Row, Server};

const LINK: &str = "mutation Link($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id orgId \
                    promotionId promotionName code customerId active createdOn validTill mode redeemableFrom } }";

/// A measurement of one server.
pub struct Look<'a> {
    pub url: &'a str,
    pub keys: &'a [String],
    /// The PostgreSQL server whose CPU time is measured, if any.
    pub databases: Option<&'a Databases>,
    pub connections: usize,
    /// Responses in this time are not counted.
    pub warm_up: Duration,
    pub duration: Duration,
}

impl Look<'_> {
    /// Starts a server, sends it the requests, and returns the results.
    pub fn measure(&self, question: impl Fn(u64) -> Question) -> Row {
        let server = Server::start(self.url);
        let load = Load {
            address: &server.address,
            keys: self.keys,
            connections: self.connections,
            warm_up: self.warm_up,
            duration: self.duration,
        };
        let database = || self.databases.map(Databases::cpu);
        let before = (server.cpu(), database());
        let latencies = load.run(question);
        let share = share(&latencies, self.warm_up, self.duration);
        let database = database().zip(before.1).map(|(after, before)| (after - before) * share);
        Row {
            server_cpu: Some((server.cpu() - before.0) * share),
            database_cpu: database,
            memory: Some(server.memory("VmHWM")),
            ..Row::new(&latencies)
        }
    }
}

/// The factor from the CPU time of a whole run, warm-up included, to that of 1,000 of the counted requests.
pub fn share(latencies: &Latencies, warm_up: Duration, duration: Duration) -> f64 {
    let counted = duration.as_secs_f64() / (warm_up + duration).as_secs_f64();
    counted * 1000.0 / latencies.count() as f64
}

/// Links a different code for each place.
pub fn link_unique(codes: Codes, place: u64) -> Question {
    let (org, code) = codes.pick(place);
    link(org, code, place)
}

/// Links a code to a customer, and expects success.
pub fn link(org: u64, code: u64, customer: u64) -> Question {
    Question {
        key: usize::try_from(org).unwrap() - 1,
        body: format!(
            r#"{{"query":"{LINK}","variables":{{"input":{{"customerId":{customer},"code":"{code}","mode":"DISCOUNT"}}}}}}"#
        ),
        status: 200,
        expected: format!(r#""code":"{code}","customerId":{customer},"active":true"#),
    }
}
