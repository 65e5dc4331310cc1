//! Zipf's law: the second is half as popular as the first, the third a third, and so on.

/// Picks ranks by Zipf's law with exponent 1.
#[derive(Debug, Clone)]
pub struct Zipf {
    /// The sum of the shares up to and including each rank, the last being 1.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// A law over as many ranks, at least one.
    pub fn new(ranks: u32) -> Self {
        let mut cumulative: Vec<f64> = (1..=ranks.max(1))
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / f64::from(rank);
                Some(*sum)
            })
            .collect();
        let total = cumulative[cumulative.len() - 1];
        for share in &mut cumulative {
            *share /= total;
        }
        Self { cumulative }
    }

    /// A rank, counted from 0.
    pub fn pick(&self, random: &mut fastrand::Rng) -> usize {
        let point = random.f64();
        self.cumulative
            .partition_point(|share| *share < point)
            .min(self.cumulative.len() - 1)
    }

    /// Shares out a total among the ranks, at least one to each.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a u32 is between 0 and that u32"
    )]
    pub fn shares(&self, total: u32) -> Vec<u32> {
        let ranks = u32::try_from(self.cumulative.len()).unwrap_or(u32::MAX);
        let spare = f64::from(total.saturating_sub(ranks));
        let ends = self
            .cumulative
            .iter()
            .map(|end| (end * spare).round() as u32);
        let mut start = 0;
        ends.map(|end| {
            let size = 1 + end - start;
            start = end;
            size
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_total_and_fall_with_the_rank() {
        let shares = Zipf::new(100).shares(10_000);
        assert_eq!(shares.iter().sum::<u32>(), 10_000);
        assert!(
            shares.windows(2).all(|pair| pair[0] + 1 >= pair[1]),
            "{shares:?}"
        );
        assert!(shares[0] > 1_500 && shares[99] >= 1, "{shares:?}");
    }

    #[test]
    fn the_first_rank_is_picked_ten_times_as_often_as_the_tenth() {
        let (law, mut random) = (Zipf::new(100), fastrand::Rng::with_seed(1));
        let mut picked = [0_u32; 100];
        (0..100_000).for_each(|_| picked[law.pick(&mut random)] += 1);
        let ratio = f64::from(picked[0]) / f64::from(picked[9]);
        assert!((8.0..12.0).contains(&ratio), "{ratio}");
    }
}
