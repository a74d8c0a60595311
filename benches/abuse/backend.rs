//! The backend whose links are measured during the attacks.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    support::{Client, Latencies, status},
    tenants::{Tenants, code},
};

const CONNECTIONS: usize = 8;

const PAUSE: Duration = Duration::from_millis(5);

/// Clients that link until the process ends.
pub struct Backend(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    refused: usize,
}

/// The links of one phase of a measurement.
pub struct Phase {
    latencies: Latencies,
    pub refused: usize,
}

impl Phase {
    pub fn links(&self) -> usize {
        self.latencies.count()
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}, {:.1}", self.latencies.quantile(0.5), self.latencies.quantile(0.99))
    }
}

impl Backend {
    pub async fn start(address: &str, tenants: &Tenants) -> Self {
        /// Shared by all attacks, since each code can be linked only once.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let seen = Arc::new(Mutex::new(Seen::default()));
        for _ in 0..CONNECTIONS {
            let mut client = Client::connect(address).await;
            let (key, seen) = (tenants.backend.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                loop {
                    let number = NEXT.fetch_add(1, Ordering::Relaxed);
                    let body = format!(
                        r#"{{"query":"mutation Link($input: LinkPromotionCodeInput!) {{ linkPromotionCode(input: $input) {{ id code customerId state }} }}","variables":{{"input":{{"customerId":{},"code":"{}","mode":"DISCOUNT"}}}}}}"#,
                        number + 1000,
                        code(number)
                    );
                    let asked = Instant::now();
                    let answer = client.send(&key, &body).await;
                    let linked = status(answer) == 200 && answer.contains("\"state\":\"ACTIVE\"");
                    assert!(linked || answer.contains("OVERLOADED"), "{answer}");
                    {
                        let mut seen = seen.lock().unwrap();
                        if linked {
                            seen.latencies.push(asked.elapsed());
                        } else {
                            seen.refused += 1;
                        }
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Self(seen)
    }

    /// Measures the links for this duration, starting now.
    pub async fn phase(&self, duration: Duration) -> Phase {
        *self.0.lock().unwrap() = Seen::default();
        tokio::time::sleep(duration).await;
        let Seen { latencies, refused } = std::mem::take(&mut *self.0.lock().unwrap());
        Phase { latencies: Latencies::new(latencies, duration), refused }
    }
}
