//! Reproducible draws that need no state.
//!
//! A draw is a hash of seed, subject and purpose, by the finaliser of SplitMix64. Unlike a generator with a state,
//! it gives the thousandth account without making the 999 before it, and a purpose added later disturbs no other.
//! Not fit for secrets.

/// What a draw is for. Each purpose is a stream of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Gap,
    Archetype,
    GivenName,
    Surname,
    CreatedAt,
    Idle,
    SignIn,
    EarlierSignIn,
    Identity,
    Offset,
    Profile,
    Participation,
    Shape,
    Level,
    MemberSince,
    MemberUntil,
    Role,
    Enterprise,
    AddOn,
    AddOnUse,
    Habit,
}

impl Purpose {
    const fn stream(self) -> u64 {
        match self {
            Self::Gap => 1,
            Self::Archetype => 2,
            Self::GivenName => 3,
            Self::Surname => 4,
            Self::CreatedAt => 5,
            Self::Idle => 6,
            Self::SignIn => 7,
            Self::EarlierSignIn => 8,
            Self::Identity => 9,
            Self::Offset => 10,
            Self::Profile => 11,
            Self::Participation => 12,
            Self::Shape => 13,
            Self::Level => 14,
            Self::MemberSince => 15,
            Self::MemberUntil => 16,
            Self::Role => 17,
            Self::Enterprise => 18,
            Self::AddOn => 19,
            Self::AddOnUse => 20,
            Self::Habit => 21,
        }
    }
}

/// 64 random bits for one purpose of one subject.
pub(crate) const fn draw(seed: u64, subject: u64, purpose: Purpose) -> u64 {
    let stream = mix(seed ^ purpose.stream().wrapping_mul(0xd6e8_feb8_6659_fd93));
    mix(stream.wrapping_add(subject.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// A number below `bound`; 0 when `bound` is 0. The bias of the remainder is below 2⁻⁴⁰ for the bounds used here.
pub(crate) const fn below(seed: u64, subject: u64, purpose: Purpose, bound: u64) -> u64 {
    match draw(seed, subject, purpose).checked_rem(bound) {
        Some(rest) => rest,
        None => 0,
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a bucket out of range is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_streams_are_apart() {
        let mut buckets = [0_u32; 10];
        for subject in 0..10_000 {
            let bucket = usize::try_from(below(7, subject, Purpose::Idle, 10)).unwrap_or(0);
            buckets[bucket] += 1;
        }
        assert!(buckets.iter().all(|count| (850..1150).contains(count)), "{buckets:?}");
        let same = (0..1000).filter(|s| below(7, *s, Purpose::Idle, 100) == below(7, *s, Purpose::Gap, 100)).count();
        assert!(same < 30, "{same} of 1000 draws agree between two streams");
    }
}
