//! A function that is lowered, in the form that it is going to have.

use super::engine::Engine;
use super::report::Rolled;
use crate::base::Width;
use crate::base::host::Stop;
use crate::error::Result;
use crate::exec::{Arrays, Code, Limits, Numbers, ON_STACK, Rows};
use crate::graph::Function;
use crate::schedule::ir::{Schedule, Updates};
use crate::schedule::unit::{Unit, Units};
use crate::schedule::{
    Counts, Layout, MOST, Program, RowCall, RowForm, Settings, lowered, prepared, rolled, schedule, straight, takes_kernels,
};
use crate::vmap::packed;
use std::sync::Arc;

/// A function that is lowered, and not code yet.
pub(super) enum Scheduled {
    Numbers { units: [Arc<Unit>; 1], width: Width, layout: Arc<Layout>, apart: bool },
    Rows { units: [Arc<Unit>; 1], call: Arc<RowCall>, fixed: Option<usize> },
    Arrays { schedule: Arc<Schedule>, units: Units, counts: Option<Counts> },
}

impl Scheduled {
    /// Straight-line code where a function has numbers and nothing else, one loop over rows where that is all there is, and stages otherwise.
    ///
    /// # Errors
    /// As [`schedule`]; if it is to stop.
    #[track_caller]
    pub(super) fn new(f: &Function, settings: Settings, updates: &Updates, stop: &Stop) -> Result<Scheduled> {
        if !f.has_arrays() {
            let f = prepared(f, settings);
            stop.check()?;
            // Loops have our kernels. A function in which loops pay has them as straight-line code, too: the bits are the same.
            let found = if settings.roll || takes_kernels(&f) { rolled(&f, settings.always_roll) } else { None };
            let has_loops = found.is_some();
            if let Some((f, counts)) = found.filter(|_| settings.roll && !settings.flush_subnormals) {
                stop.check()?;
                return Scheduled::arrays(f, settings, Some(counts), stop);
            }
            let program = straight(&f, settings, &[]);
            let program = if has_loops { program.with_kernels() } else { program };
            let (layout, width) = (program.layout.clone(), program.width);
            let apart = is_apart(&layout, updates);
            let program = Program { apart, ..program };
            stop.check()?;
            return Ok(Scheduled::Numbers { units: [Arc::new(Unit::new(program, None))], width, layout, apart });
        }
        // Code for rows writes results of a row before it reads the next one, and its sums start before all of them.
        if updates.is_empty()
            && let Some(form) = RowForm::of(f)
        {
            return Scheduled::rows(form, settings, stop);
        }
        let f = prepared(&packed(f), settings);
        stop.check()?;
        Scheduled::arrays(f, settings, None, stop)
    }

    /// Stages; of a function that was rolled with what was found.
    ///
    /// # Errors
    /// As [`schedule`]; if it is to stop.
    #[track_caller]
    fn arrays(f: Function, settings: Settings, counts: Option<Counts>, stop: &Stop) -> Result<Scheduled> {
        let mut units = Units::default();
        let schedule = Arc::new(schedule(f, settings, &mut units, MOST)?);
        stop.check()?;
        Ok(Scheduled::Arrays { schedule, units, counts })
    }

    /// A loop over rows.
    ///
    /// # Errors
    /// If it is to stop.
    #[track_caller]
    pub(super) fn rows(form: RowForm, settings: Settings, stop: &Stop) -> Result<Scheduled> {
        let groups = form.f.inputs().iter().zip(&form.shape.varying);
        let varying: Vec<bool> = groups.flat_map(|(group, &varying)| std::iter::repeat_n(varying, group.len())).collect();
        let program = lowered(&form.f, settings, &varying);
        stop.check()?;
        let call = RowCall::new(&program, &form.shape, settings.fuse);
        let units = [Arc::new(Unit::new(program, Some(call.clone())))];
        Ok(Scheduled::Rows { units, call: Arc::new(call), fixed: form.rows })
    }

    pub(super) fn units(&self) -> &[Arc<Unit>] {
        match self {
            Scheduled::Numbers { units, .. } | Scheduled::Rows { units, .. } => units,
            Scheduled::Arrays { units, .. } => units.all(),
        }
    }

    /// What became of repeats, if any were found.
    pub(super) fn rolled(&self) -> Option<Rolled> {
        match self {
            Scheduled::Arrays { schedule, counts: Some(counts), .. } => Some(Rolled::new(*counts, schedule)),
            _ => None,
        }
    }

    /// `codes` are those of the units.
    pub(super) fn engine(&self, codes: Vec<Arc<Code>>, updates: Box<Updates>, limits: Limits) -> Engine {
        let only = || codes[0].clone();
        match self {
            Scheduled::Numbers { width, layout, apart, .. } => {
                Engine::Numbers(Numbers::new(only(), *width, layout.clone(), *apart, updates))
            }
            Scheduled::Rows { call, fixed, .. } => Engine::Rows(Rows { code: only(), call: call.clone(), fixed: *fixed }),
            Scheduled::Arrays { schedule, .. } => Engine::Arrays(Arrays::new(schedule.clone(), codes, updates, limits)),
        }
    }
}

/// Whether code takes an address for every input and output. A few numbers are collected faster; slices that are overwritten have to be.
fn is_apart(layout: &Layout, updates: &Updates) -> bool {
    let are_few = layout.input_len <= ON_STACK && layout.output_len <= ON_STACK;
    let are_two = layout.inputs.len() == 1 && layout.outputs.len() == 1;
    !are_few && !are_two && updates.is_empty()
}
