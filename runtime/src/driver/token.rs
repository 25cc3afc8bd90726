//! The number that travels with an operation through the kernel and back: `user_data` as a type.

/// Names one operation in flight: a slot of the table of operations, and that slot's generation,
/// so that a completion that comes after its slot has another tenant is recognised as stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// Index into the table of operations.
    pub slot: u32,
    /// Which tenant of the slot; never [`Token::UNTRACKED_GENERATION`].
    pub generation: u32,
}

impl Token {
    /// Marks operations that nobody waits for (cancels and closes): their completion is only
    /// looked at for an error worth counting.
    pub const UNTRACKED_GENERATION: u32 = u32::MAX;

    /// A token for an operation without an owner.
    #[inline]
    pub const fn untracked(kind: Untracked) -> Token {
        Token {
            slot: kind as u32,
            generation: Token::UNTRACKED_GENERATION,
        }
    }

    /// The number the kernel carries.
    #[inline]
    pub const fn to_user_data(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// Reads back what [`Token::to_user_data`] made.
    #[inline]
    pub const fn from_user_data(user_data: u64) -> Token {
        Token {
            slot: user_data as u32,
            generation: (user_data >> 32) as u32,
        }
    }
}

/// Operations without an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Untracked {
    /// A cancel; what it answers does not matter, the cancelled operation's own completion does.
    Cancel = 1,
    /// A close.
    Close = 2,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_survives_the_kernel(slot: u32, generation: u32) {
            let token = Token { slot, generation };
            prop_assert_eq!(Token::from_user_data(token.to_user_data()), token);
        }
    }
}
