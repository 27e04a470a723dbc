//! Exit codes: the same whatever the output format.

use std::process::ExitCode;

/// What the process ends with. When several hold, the one listed first in `Exit::RANK` wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: proven, nothing new at or above the threshold.
    Allow,
    /// 1: at least one finding blocks.
    Deny,
    /// 2: bad usage or a bad declaration.
    Usage,
    /// 3: the evidence does not decide.
    Undecided,
    /// 4: evidence was tampered with.
    Tampered,
    /// 70: our own failure (`EX_SOFTWARE`).
    Internal,
}

impl Exit {
    /// Strongest first.
    const RANK: [Self; 6] =
        [Self::Internal, Self::Usage, Self::Tampered, Self::Deny, Self::Undecided, Self::Allow];

    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Deny => 1,
            Self::Usage => 2,
            Self::Undecided => 3,
            Self::Tampered => 4,
            Self::Internal => 70,
        }
    }

    /// The stronger of two.
    pub fn or(self, other: Self) -> Self {
        Self::RANK.into_iter().find(|e| *e == self || *e == other).unwrap_or(Self::Internal)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_when_several_hold() {
        assert_eq!(Exit::Deny.or(Exit::Undecided), Exit::Deny);
        assert_eq!(Exit::Tampered.or(Exit::Deny), Exit::Tampered);
        assert_eq!(Exit::Usage.or(Exit::Tampered), Exit::Usage);
        assert_eq!(Exit::Allow.or(Exit::Undecided), Exit::Undecided);
        assert_eq!(Exit::Internal.or(Exit::Usage), Exit::Internal);
    }
}
