//! What was compared, and what disagrees.

use super::rounding::Slack;
use super::settings::Check;
use crate::error::{Error, Kind as ErrorKind, Result};
use std::fmt;

/// What a [`Check`] has compared.
#[derive(Clone, Debug)]
pub struct Report {
    check: Check,
    compared: usize,
    telling: usize,
    undecided: Vec<Disagreement>,
    disagreements: Vec<Disagreement>,
    modes: Vec<&'static str>,
}

/// Two modes that give different numbers, or that nothing is decided of.
#[derive(Clone, Debug)]
struct Disagreement {
    what: &'static str,
    entry: usize,
    columns: usize,
    left: (&'static str, f64),
    right: (&'static str, f64),
    allowed: f64,
}

/// Some numbers, and which mode they come from.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) mode: &'static str,
    pub(super) values: Vec<f64>,
    /// How far rounding may have led each number astray.
    pub(super) slack: Vec<Slack>,
}

impl Report {
    pub(super) fn new(check: Check) -> Self {
        Report { check, compared: 0, telling: 0, undecided: vec![], disagreements: vec![], modes: vec![] }
    }

    /// How many pairs of numbers were compared.
    pub fn compared(&self) -> usize {
        self.compared
    }

    /// How many of them were finite and not both zero, so that agreement says something.
    pub fn telling(&self) -> usize {
        self.telling
    }

    /// How many comparisons decided nothing: finite differences without a digit, entries where a rounding error may have grown to
    /// anything, or that are not finite, if [these are passed over](Check::skip_non_finite). They are no agreement; the report's text has them.
    pub fn undecided(&self) -> usize {
        self.undecided.len()
    }

    /// The modes that took part.
    pub fn modes(&self) -> &[&'static str] {
        &self.modes
    }

    pub(super) fn check(&self) -> Check {
        self.check
    }

    fn count(&mut self, left: (&'static str, f64), right: (&'static str, f64)) {
        for (mode, _) in [left, right] {
            if !self.modes.contains(&mode) {
                self.modes.push(mode);
            }
        }
        self.compared += 1;
        self.telling += (left.1.is_finite() && right.1.is_finite() && (left.1 != 0.0 || right.1 != 0.0)) as usize;
    }

    /// The same numbers, to the bit; all NaNs count as equal.
    pub(super) fn same_bits(&mut self, what: &'static str, columns: usize, left: &Found, right: &Found) {
        debug_assert_eq!(left.values.len(), right.values.len());
        for (entry, (&a, &b)) in left.values.iter().zip(&right.values).enumerate() {
            let (left, right) = ((left.mode, a), (right.mode, b));
            self.count(left, right);
            if a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()) {
                self.disagreements.push(Disagreement { what, entry, columns, left, right, allowed: 0.0 });
            }
        }
    }

    /// The same numbers but for rounding.
    pub(super) fn close(&mut self, what: &'static str, columns: usize, left: &Found, right: &Found) {
        debug_assert_eq!(left.values.len(), right.values.len());
        for entry in 0..left.values.len() {
            let u = self.check.rounding;
            let allowed = left.slack[entry].at(u) + right.slack[entry].at(u) + self.check.absolute;
            let (left, right) = ((left.mode, left.values[entry]), (right.mode, right.values[entry]));
            self.within(what, (entry, columns), left, right, allowed);
        }
    }

    /// The same number, within what is allowed.
    pub(super) fn within(
        &mut self,
        what: &'static str,
        (entry, columns): (usize, usize),
        left: (&'static str, f64),
        right: (&'static str, f64),
        allowed: f64,
    ) {
        let (a, b) = (left.1, right.1);
        let same = a == b || a.is_nan() && b.is_nan();
        let passed_over = self.check.skip_non_finite && !(a.is_finite() && b.is_finite());
        // Rounding may lead a number anywhere, but not to NaN.
        let anything = !allowed.is_finite() && !a.is_nan() && !b.is_nan();
        let pair = Disagreement { what, entry, columns, left, right, allowed };
        if !same && (passed_over || anything) {
            return self.undecided.push(pair);
        }
        self.count(left, right);
        let close = (a - b).abs() <= allowed;
        if !same && !close {
            self.disagreements.push(pair);
        }
    }

    /// Counts what another report has compared, which is concluded by itself.
    pub(super) fn absorb(&mut self, other: &Report) {
        self.compared += other.compared;
        self.telling += other.telling;
        self.undecided.extend(other.undecided.iter().cloned());
        self.modes.extend(other.modes.iter().filter(|mode| !self.modes.contains(mode)).copied().collect::<Vec<_>>());
    }

    /// Counts a pair that nothing is decided of.
    pub(super) fn undecide(
        &mut self,
        what: &'static str,
        (entry, columns): (usize, usize),
        left: (&'static str, f64),
        right: (&'static str, f64),
    ) {
        self.undecided.push(Disagreement { what, entry, columns, left, right, allowed: f64::INFINITY });
    }

    pub(super) fn conclude(self) -> Result<Report> {
        if self.disagreements.is_empty() {
            return Ok(self);
        }
        Err(Error::new(ErrorKind::Disagreement, self.to_string()))
    }
}

/// How many representable numbers lie between two.
fn ulps(a: f64, b: f64) -> u64 {
    let ordered = |v: f64| {
        let bits = v.to_bits() as i64;
        if bits < 0 { i64::MIN - bits } else { bits }
    };
    ordered(a).abs_diff(ordered(b))
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.what)?;
        if self.columns > 1 {
            write!(f, "{}, {}", self.entry / self.columns, self.entry % self.columns)?;
        } else {
            write!(f, "{}", self.entry)?;
        }
        let ((left, a), (right, b)) = (self.left, self.right);
        write!(f, "]: {left} gives {a:e}, {right} gives {b:e}")?;
        if a.is_finite() && b.is_finite() {
            write!(f, ", {} ulps and {:.1e} apart", ulps(a, b), (a - b).abs())?;
        }
        if self.allowed == f64::INFINITY {
            Ok(())
        } else if self.allowed > 0.0 {
            write!(f, " where {:.1e} is allowed", self.allowed)
        } else {
            write!(f, " where no bit may differ")
        }
    }
}

/// How many disagreements are written out.
const SHOWN: usize = 12;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.disagreements.len() {
            0 if self.undecided.is_empty() => "all modes agree".to_owned(),
            0 => format!(
                "{} of {} comparisons are undecided, the others agree",
                self.undecided(),
                self.compared + self.undecided()
            ),
            1 => "1 disagreement between modes".to_owned(),
            n => format!("{n} disagreements between modes"),
        };
        write!(f, "{verdict} ({} comparisons, {} telling, {} undecided)", self.compared, self.telling, self.undecided())?;
        for disagreement in self.disagreements.iter().take(SHOWN) {
            write!(f, "\n  {disagreement}")?;
        }
        if self.disagreements.len() > SHOWN {
            write!(f, "\n  and {} more", self.disagreements.len() - SHOWN)?;
        }
        for pair in self.undecided.iter().take(SHOWN) {
            write!(f, "\n  undecided: {pair}")?;
        }
        if self.undecided.len() > SHOWN {
            write!(f, "\n  and {} more undecided", self.undecided.len() - SHOWN)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulps_count_over_zero() {
        assert_eq!(ulps(1.0, 1.0), 0);
        assert_eq!(ulps(1.0, 1.0 + f64::EPSILON), 1);
        assert_eq!(ulps(-f64::from_bits(1), f64::from_bits(1)), 2);
        assert_eq!(ulps(0.0, -0.0), 0);
    }

    fn found(mode: &'static str, values: &[f64]) -> Found {
        Found { mode, values: values.to_vec(), slack: vec![Slack { first: 1.0, second: 0.0 }; values.len()] }
    }

    #[test]
    fn bits_are_compared_as_bits() {
        let mut report = Report::new(Check::new());
        report.same_bits("value", 1, &found("a", &[1.0, f64::NAN, -0.0]), &found("b", &[1.0, -f64::NAN, -0.0]));
        assert!(report.clone().conclude().is_ok());
        report.same_bits("value", 1, &found("a", &[0.0]), &found("b", &[-0.0]));
        report.same_bits("jacobian", 2, &found("a", &[0.0, 1.0, 2.0]), &found("b", &[0.0, 1.0, 2.0f64.next_up()]));
        let text = report.conclude().unwrap_err().to_string();
        assert!(text.starts_with("2 disagreements between modes (7 comparisons"), "{text}");
        assert!(text.contains("value[0]: a gives 0e0, b gives -0e0"), "{text}");
        assert!(text.contains("jacobian[1, 0]: a gives 2e0, b gives 2.0000000000000004e0, 1 ulps"), "{text}");
    }

    #[test]
    fn closeness_knows_what_is_not_finite() {
        let close = |check: Check, a: f64, b: f64| {
            let mut report = Report::new(check);
            report.close("value", 1, &found("a", &[a]), &found("b", &[b]));
            report.conclude().is_ok()
        };
        assert!(close(Check::new(), 1.0, 1.0 + 1e-14) && !close(Check::new(), 1.0, 1.0 + 1e-12));
        assert!(close(Check::new(), f64::INFINITY, f64::INFINITY) && close(Check::new(), f64::NAN, f64::NAN));
        assert!(!close(Check::new(), f64::INFINITY, f64::NAN) && !close(Check::new(), f64::NAN, 1.0));
        assert!(close(Check::new().skip_non_finite(true), f64::NAN, 1.0));
    }

    #[test]
    fn what_is_undecided_is_no_agreement() {
        let boundless = |mode, v| Found { slack: vec![Slack { first: f64::INFINITY, second: 0.0 }], ..found(mode, &[v]) };
        let mut report = Report::new(Check::new());
        report.close("hessian", 1, &boundless("a", 0.0), &boundless("b", 1.0));
        let text = report.clone().conclude().unwrap().to_string();
        assert!(text.starts_with("1 of 1 comparisons are undecided, the others agree"), "{text}");
        assert!(text.contains("undecided: hessian[0]: a gives 0e0, b gives 1e0"), "{text}");
        // NaN beside a number is a disagreement, whatever rounding may do.
        report.close("hessian", 1, &boundless("a", 0.0), &boundless("b", f64::NAN));
        assert!(report.conclude().unwrap_err().is_disagreement());
    }
}
