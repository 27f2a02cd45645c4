//! What tokens cost, where the person says so.

use std::fmt;
use std::str::FromStr;

use garner_compiler::distil::Usage;

/// The price of a million tokens, in and out, in whatever money the person counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Price {
    input: f64,
    output: f64,
}

impl Price {
    /// Returns what tokens cost.
    #[expect(clippy::cast_precision_loss, reason = "an amount for people")]
    pub(crate) fn of(self, usage: Usage) -> f64 {
        (usage.input as f64 * self.input + usage.output as f64 * self.output) / 1e6
    }
}

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number =
            |text: &str| text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
        let (input, output) = text.split_once(',').unwrap_or((text, ""));
        match (number(input), number(output)) {
            (Some(input), Some(output)) => Ok(Self { input, output }),
            _ => {
                Err("write two numbers, for tokens that go in and that come out: `3,15`".to_owned())
            }
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.input, self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_two_numbers() {
        let price: Price = "3, 15".parse().unwrap();
        let usage = Usage { input: 500_000, output: 100_000, dollars: None };
        assert_eq!(format!("{:.2}", price.of(usage)), "3.00");
        for text in ["", "3", "3,", "-1,2", "a,b", "NaN,1", "inf,1"] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }
}
