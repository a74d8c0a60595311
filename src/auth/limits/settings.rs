//! The limits and their settings.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use crate::auth::role::Role;

/// A kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Operations of one credential per second. An operation that reads and returns many values counts as several.
    Operations,
    /// Attempts of one credential to link, per second: each field, and each item of a list of links.
    Links,
    /// Failed links of one credential per hour. The budget starts full and refills evenly over an hour.
    FailedLinks,
    /// Failed links of one credential for one customer, per hour.
    FailedLinksPerCustomer,
    /// Successful links of one credential per hour. Repeated links count as well: otherwise the remaining budget would reveal
    /// whether the customer held the code before.
    NewLinks,
    /// Successful links of one credential for one customer, per hour.
    NewLinksPerCustomer,
}

impl Limit {
    pub(super) const ALL: [Self; 6] = [
        Self::Operations,
        Self::Links,
        Self::FailedLinks,
        Self::FailedLinksPerCustomer,
        Self::NewLinks,
        Self::NewLinksPerCustomer,
    ];

    /// The time in which a spent budget refills.
    pub(super) const fn period(self) -> Duration {
        match self {
            Self::Operations | Self::Links => Duration::from_secs(1),
            _ => Duration::from_hours(1),
        }
    }

    /// Whether it is counted separately for each customer.
    #[must_use]
    pub const fn is_per_customer(self) -> bool {
        matches!(self, Self::FailedLinksPerCustomer | Self::NewLinksPerCustomer)
    }

    /// What is limited, as messages and metrics name it.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Operations => "operations",
            Self::Links => "links",
            Self::FailedLinks | Self::FailedLinksPerCustomer => "failed links",
            Self::NewLinks | Self::NewLinksPerCustomer => "new links",
        }
    }

    /// The limit's name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operations => "operations",
            Self::Links => "links",
            Self::FailedLinks => "failed-links",
            Self::FailedLinksPerCustomer => "failed-links-per-customer",
            Self::NewLinks => "new-links",
            Self::NewLinksPerCustomer => "new-links-per-customer",
        }
    }
}

/// The limits of each role; `None` for unlimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits([[Option<NonZeroU32>; 6]; 4]);

impl Limits {
    /// No limits.
    pub const UNLIMITED: Self = Self([[None; 6]; 4]);

    /// The limit of a role.
    #[must_use]
    pub const fn of(&self, role: Role, limit: Limit) -> Option<NonZeroU32> {
        self.0[role as usize][limit as usize]
    }

    /// Changes one limit.
    pub const fn set(&mut self, LimitSetting { role, limit, number }: LimitSetting) {
        self.0[role as usize][limit as usize] = number;
    }
}

impl Default for Limits {
    /// Sized for a backend in a campaign's first minutes, an app with many shoppers, and one shopper's typing errors. A
    /// storefront key can be extracted from an app, so its links of a shared code are bounded as well.
    fn default() -> Self {
        let row = |numbers: [u32; 6]| numbers.map(NonZeroU32::new);
        let mut limits = Self::UNLIMITED;
        for (role, numbers) in [
            (Role::Storefront, [500, 500, 300, 20, 600, 60]),
            (Role::Customer, [20, 10, 20, 20, 60, 60]),
            // 0 becomes `None`: unlimited.
            (Role::Service, [20_000, 20_000, 100_000, 20, 0, 0]),
            (Role::Admin, [20_000, 20_000, 100_000, 20, 0, 0]),
        ] {
            limits.0[role as usize] = row(numbers);
        }
        limits
    }
}

impl fmt::Display for Limits {
    /// A table with a row for each limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:25}", "")?;
        for role in Role::ALL {
            write!(f, "  {:>10}", role.as_str())?;
        }
        for limit in Limit::ALL {
            write!(f, "\n{:25}", limit.as_str())?;
            for role in Role::ALL {
                write!(f, "  {:>10}", number(self.of(role, limit)))?;
            }
        }
        Ok(())
    }
}

fn number(limit: Option<NonZeroU32>) -> String {
    limit.map_or("none".to_owned(), |limit| limit.to_string())
}

/// One limit of one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSetting {
    role: Role,
    limit: Limit,
    number: Option<NonZeroU32>,
}

impl fmt::Display for LimitSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}={}", self.role, self.limit.as_str(), number(self.number))
    }
}

/// Why a text is not a [`LimitSetting`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimitSetting {
    /// It has no `.` or no `=`.
    #[error("must be ROLE.LIMIT=NUMBER, such as storefront.failed-links=1000")]
    Format,
    /// There is no such role.
    #[error("unknown role {0}: must be one of {roles}", roles = Role::ALL.map(Role::as_str).join(", "))]
    Role(String),
    /// There is no such limit.
    #[error("unknown limit {0}: must be one of {limits}", limits = Limit::ALL.map(Limit::as_str).join(", "))]
    Limit(String),
    /// The number is out of range.
    #[error("NUMBER must be from 1 to {}, or none", u32::MAX)]
    Number,
}

impl FromStr for LimitSetting {
    type Err = InvalidLimitSetting;

    fn from_str(text: &str) -> Result<Self, InvalidLimitSetting> {
        let (name, number) = text.trim().split_once('=').ok_or(InvalidLimitSetting::Format)?;
        let (role, limit) = name.split_once('.').ok_or(InvalidLimitSetting::Format)?;
        let found_role = Role::ALL.into_iter().find(|known| known.as_str() == role);
        let found_limit = Limit::ALL.into_iter().find(|known| known.as_str() == limit);
        Ok(Self {
            role: found_role.ok_or_else(|| InvalidLimitSetting::Role(role.to_owned()))?,
            limit: found_limit.ok_or_else(|| InvalidLimitSetting::Limit(limit.to_owned()))?,
            number: match number {
                "none" => None,
                number => Some(number.parse().map_err(|_| InvalidLimitSetting::Number)?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_parse_as_they_are_displayed() {
        for text in ["storefront.operations=7", "admin.links=none", "customer.new-links-per-customer=1"] {
            assert_eq!(text.parse::<LimitSetting>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_setting_changes_one_limit_of_one_role() {
        let mut limits = Limits::default();
        limits.set("storefront.failed-links=7".parse().unwrap());
        assert_eq!(limits.of(Role::Storefront, Limit::FailedLinks), NonZeroU32::new(7));
        limits.set("storefront.failed-links=300".parse().unwrap());
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn malformed_settings_are_rejected() {
        for text in
            ["", "links=1", "storefront.links", "storefront.links=0", "shop.links=1", "admin.link=1", "admin.links=-1"]
        {
            assert!(text.parse::<LimitSetting>().is_err(), "{text}");
        }
    }
}
