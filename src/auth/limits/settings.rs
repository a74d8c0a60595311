//! The limits as an operator sets them.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use crate::auth::Role;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Operations a second of one credential. One that reads and returns many values counts as several.
    Operations,
    /// Attempts to link a second of one credential: each field, and each item of a list of links.
    Links,
    /// Links an hour that fail, of one credential. All of them are there at first, and come back over an hour.
    FailedLinks,
    /// Links an hour that fail, of one credential for one customer.
    FailedLinksPerCustomer,
    /// Links an hour that succeed, of one credential. A repeated link counts as well: otherwise a caller could tell by
    /// what is left whether the customer held the code before.
    NewLinks,
    /// Links an hour that succeed, of one credential for one customer.
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

    /// The time in which a spent limit is there again.
    pub(super) const fn period(self) -> Duration {
        match self {
            Self::Operations | Self::Links => Duration::from_secs(1),
            _ => Duration::from_hours(1),
        }
    }

    /// Whether it is counted for each customer by itself.
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

    /// The limit as its name is written in settings.
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

/// How much callers of each role may do; none: as much as they like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits([[Option<NonZeroU32>; 6]; 4]);

impl Limits {
    /// No limits.
    pub const NONE: Self = Self([[None; 6]; 4]);

    /// A limit of a role.
    #[must_use]
    pub const fn of(&self, role: Role, limit: Limit) -> Option<NonZeroU32> {
        self.0[role as usize][limit as usize]
    }

    /// Sets one.
    pub const fn set(&mut self, LimitSetting { role, limit, number }: LimitSetting) {
        self.0[role as usize][limit as usize] = number;
    }
}

impl Default for Limits {
    /// For a backend that carries a campaign's first minutes, an app of many shoppers, and a shopper's typing errors. A
    /// storefront key can be taken out of an app: what it can use up of a shared code in an hour is bounded.
    fn default() -> Self {
        let row = |numbers: [u32; 6]| numbers.map(NonZeroU32::new);
        let mut limits = Self::NONE;
        for (role, numbers) in [
            (Role::Storefront, [500, 500, 300, 20, 600, 60]),
            (Role::Customer, [20, 10, 20, 20, 60, 60]),
            // NonZero::new makes none of 0.
            (Role::Service, [20_000, 20_000, 100_000, 20, 0, 0]),
            (Role::Admin, [20_000, 20_000, 100_000, 20, 0, 0]),
        ] {
            limits.0[role as usize] = row(numbers);
        }
        limits
    }
}

impl fmt::Display for Limits {
    /// As a table, with a row for each limit.
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

impl FromStr for LimitSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("ROLE.LIMIT=NUMBER is required, such as {}", Self::EXAMPLE);
        let (name, number) = text.trim().split_once('=').ok_or_else(wanted)?;
        let (role, limit) = name.split_once('.').ok_or_else(wanted)?;
        Ok(Self {
            role: one_of(role, Role::ALL, Role::as_str)?,
            limit: one_of(limit, Limit::ALL, Limit::as_str)?,
            number: match number {
                "none" => None,
                number => Some(number.parse().map_err(|_| "a number from 1 to 4294967295, or none, is required")?),
            },
        })
    }
}

impl LimitSetting {
    const EXAMPLE: &str = "storefront.failed-links=1000";
}

fn one_of<T: Copy, const N: usize>(text: &str, all: [T; N], name: fn(T) -> &'static str) -> Result<T, String> {
    all.into_iter()
        .find(|thing| name(*thing) == text)
        .ok_or_else(|| format!("{text} is none of {}", all.map(name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_shown() {
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
    fn what_can_not_be_meant_is_refused() {
        for text in
            ["", "links=1", "storefront.links", "storefront.links=0", "shop.links=1", "admin.link=1", "admin.links=-1"]
        {
            assert!(text.parse::<LimitSetting>().is_err(), "{text}");
        }
    }
}
