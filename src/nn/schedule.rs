//! Learning rates that change from step to step.

use crate::op::Real;

/// By which factor the rule's learning rate is multiplied in a step; steps are counted from 0.
///
/// ```
/// use wengert::nn::Schedule;
/// let schedule = Schedule::Cosine { steps: 100, end: 0.0 }.warm_up(4);
/// let factors: Vec<f64> = [0, 1, 3, 4, 54, 104, 1000].map(|step| schedule.factor(step)).to_vec();
/// assert_eq!(factors[..4], [0.25, 0.5, 1.0, 1.0]);
/// assert!((factors[4] - 0.5).abs() < 1e-15 && factors[5..] == [0.0, 0.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Schedule {
    /// Always 1.
    #[default]
    Constant,
    /// Multiplied by `factor` every so many steps.
    Steps {
        /// After how many steps.
        every: u64,
        /// By what.
        factor: f64,
    },
    /// Multiplied by `factor` every step.
    Exponential {
        /// By what.
        factor: f64,
    },
    /// From 1 to `end` along half a cosine wave in so many steps, then `end` (I. Loshchilov and F. Hutter, 2017).
    Cosine {
        /// How many steps the way down takes.
        steps: u64,
        /// Where it ends.
        end: f64,
    },
    /// Up from 1/steps to 1 in equal parts, then another schedule from its start; see [`Schedule::warm_up`].
    WarmUp {
        /// How many steps the way up takes.
        steps: u64,
        /// What comes after.
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// This schedule after a way up of so many steps.
    pub fn warm_up(self, steps: u64) -> Schedule {
        Schedule::WarmUp { steps, then: Box::new(self) }
    }

    /// The factor of a step. It has the same bits on every platform. ([`Schedule::Steps`] of every 0 steps has the factor 1 for good.)
    pub fn factor(&self, step: u64) -> f64 {
        let (mut schedule, mut step) = (self, step);
        while let Schedule::WarmUp { steps, then } = schedule {
            if step < *steps {
                return (step + 1) as f64 / *steps as f64;
            }
            (schedule, step) = (then, step - steps);
        }
        match *schedule {
            Schedule::Steps { every: 0, .. } => 1.0,
            Schedule::Steps { every, factor } => Real::powf(factor, (step / every) as f64),
            Schedule::Exponential { factor } => Real::powf(factor, step as f64),
            Schedule::Cosine { steps, end } if step < steps => {
                let turn = Real::cos(std::f64::consts::PI * (step as f64 / steps as f64));
                end + (1.0 - end) * (0.5 + 0.5 * turn)
            }
            Schedule::Cosine { end, .. } => end,
            Schedule::Constant | Schedule::WarmUp { .. } => 1.0,
        }
    }
}
