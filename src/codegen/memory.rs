//! Machine code: as Cranelift makes it and files have it, which may lie anywhere, and in memory, where it runs.

use super::made::failed;
use crate::error::Result;
use crate::kernels::Routine;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module};

/// Native functions, one after the other.
#[derive(Default)]
pub(super) struct Object {
    /// With zeros where addresses belong.
    pub(super) bytes: Vec<u8>,
    /// Where functions start, and whether they run for every row.
    pub(super) functions: Vec<(usize, bool)>,
    pub(super) calls: Vec<Call>,
}

/// A place where the address of a routine belongs.
#[derive(Copy, Clone)]
pub(super) struct Call {
    pub(super) at: u32,
    pub(super) routine: Routine,
}

impl Call {
    /// Puts a number where the address belongs.
    pub(super) fn put(self, bytes: &mut [u8], address: u64) {
        let at = self.at as usize;
        bytes[at..at + size_of::<u64>()].copy_from_slice(&address.to_ne_bytes());
    }
}

/// What Cranelift's module takes beside the code, about: tables of names and signatures, and of the pages.
const MODULE: usize = 4096;

/// Code in memory that can be run, and cannot be changed.
pub(super) struct Memory {
    module: Option<Box<JITModule>>,
    address: *const u8,
    len: usize,
}

// SAFETY: the code is finished and never changes; the module is not touched again before it is dropped, which needs `&mut`.
unsafe impl Send for Memory {}
// SAFETY: as above, shared access only reads.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: whoever can call the code holds a reference to this value, and there is none left.
            unsafe { module.free_memory() }
        }
    }
}

impl Memory {
    /// Puts code in memory, with the addresses of routines.
    pub(super) fn new(isa: OwnedTargetIsa, code: &mut Object) -> Result<Memory> {
        code.calls.iter().for_each(|call| call.put(&mut code.bytes, call.routine.address() as u64));
        let align = isa.symbol_alignment().max(64);
        let mut module = JITModule::new(JITBuilder::with_isa(isa, cranelift_module::default_libcall_names()));
        let signature = module.make_signature();
        let id = module.declare_function("code", Linkage::Local, &signature).map_err(failed)?;
        module.define_function_bytes(id, align, &code.bytes, &[]).map_err(failed)?;
        module.finalize_definitions().map_err(failed)?;
        Ok(Memory { address: module.get_finalized_function(id), len: code.bytes.len(), module: Some(Box::new(module)) })
    }

    /// Bytes of memory, about. Code has pages of its own, as it cannot be written to.
    pub(super) fn resident(&self) -> usize {
        const PAGE: usize = 4096;
        self.len.next_multiple_of(PAGE) + MODULE
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: as many bytes lie there, nobody writes to them, and they are freed with this value.
        unsafe { std::slice::from_raw_parts(self.address, self.len) }
    }

    /// The address of a function that starts at an offset.
    pub(super) fn function(&self, at: usize) -> *const u8 {
        self.bytes()[at..].as_ptr()
    }
}
