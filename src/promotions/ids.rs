//! The ids of the domain: integers that other systems assign, and UUIDs that Promolink generates.

use uuid::{NoContext, Uuid};

use super::time::Timestamp;

/// The largest integer that every JSON client represents exactly: 2^53 - 1 (ECMA-262, `Number.MAX_SAFE_INTEGER`).
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// A number is not in the range from 0 to [`MAX_SAFE_INTEGER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 0 to {MAX_SAFE_INTEGER}")]
pub struct OutOfRange;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i64);

        impl $name {
            /// The number itself.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = OutOfRange;

            /// Parses decimal digits. A sign is rejected.
            fn from_str(text: &str) -> Result<Self, OutOfRange> {
                if !text.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(OutOfRange);
                }
                text.parse::<i64>().map_err(|_| OutOfRange)?.try_into()
            }
        }

        impl TryFrom<i64> for $name {
            type Error = OutOfRange;

            fn try_from(number: i64) -> Result<Self, OutOfRange> {
                if (0..=MAX_SAFE_INTEGER).contains(&number) { Ok(Self(number)) } else { Err(OutOfRange) }
            }
        }
    };
}

number_id! {
    /// An organisation: the tenant. It comes from the caller's credential, never from an argument.
    OrgId
}
number_id! {
    /// A customer, by the number that the organisation's own systems use.
    CustomerId
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Generates an id: a UUID version 7 (RFC 9562), a timestamp followed by random bits.
            #[must_use]
            pub fn new(now: $crate::promotions::Timestamp) -> Self {
                Self($crate::promotions::uuid_v7(now))
            }

            /// The UUID itself.
            #[must_use]
            pub const fn get(self) -> uuid::Uuid {
                self.0
            }
        }

        impl From<$name> for uuid::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }
        }
    };
}
pub(crate) use uuid_id;

uuid_id! {
    /// A campaign.
    CampaignId
}
uuid_id! {
    /// A promotion: one customer's hold on one code.
    PromotionId
}
uuid_id! {
    /// A redemption: one use of a promotion.
    RedemptionId
}

/// Generates a UUID version 7 (RFC 9562): a timestamp followed by random bits.
pub(crate) fn uuid_v7(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_clients_would_round_are_rejected() {
        assert_eq!(CustomerId::try_from(MAX_SAFE_INTEGER).map(CustomerId::get), Ok(MAX_SAFE_INTEGER));
        assert_eq!(CustomerId::try_from(MAX_SAFE_INTEGER + 1), Err(OutOfRange));
        assert_eq!(CustomerId::try_from(-1), Err(OutOfRange));
    }

    #[test]
    fn numbers_are_parsed_from_digits_only() {
        assert_eq!("0042".parse::<CustomerId>().map(CustomerId::get), Ok(42));
        for text in ["", "-0", "+42", "4e2", " 42", "9007199254740992", "99999999999999999999"] {
            assert_eq!(text.parse::<CustomerId>(), Err(OutOfRange), "{text}");
        }
    }

    #[test]
    fn an_id_carries_its_creation_time() {
        let moment = Timestamp::from_millis(1_700_000_000_123);
        let (seconds, nanos) = PromotionId::new(moment).get().get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_700_000_000, 123_000_000));
    }
}
