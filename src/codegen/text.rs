//! Code as text: Cranelift's IR, and assembly of what runs.

use super::compile::tier;
use super::emission::Job;
use super::made::failed;
use super::target::{Failure, isa};
use crate::error::Result;
use crate::schedule::unit::Unit;
use std::fmt::Write as _;

/// The Cranelift IR that a unit becomes.
pub(crate) fn clif(unit: &Unit) -> Result<String> {
    let tier = tier(unit);
    let isa = isa(tier).map_err(Failure::error)?;
    let mut text = String::new();
    Job::new(unit, tier, &*isa).each(|context| {
        let _ = write!(text, "{}", context.func.display());
        Ok(())
    })?;
    Ok(text)
}

/// The machine code that a unit becomes, as assembly.
pub(crate) fn assembly(unit: &Unit) -> Result<String> {
    let tier = tier(unit);
    let isa = isa(tier).map_err(Failure::error)?;
    let (mut text, job) = (String::new(), Job::new(unit, tier, &*isa));
    if let Ok(wide) = job.wide() {
        return Ok(wide.text());
    }
    job.each(|context| {
        context.set_disasm(true);
        let code = context.compile(&*isa, &mut Default::default()).map_err(|e| failed(format!("{:?}", e.inner)))?;
        text.push_str(code.vcode.as_deref().unwrap_or_default());
        Ok(())
    })?;
    Ok(text)
}
