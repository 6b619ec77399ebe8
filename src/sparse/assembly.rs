//! Row loops whose inputs are gathered from a vector and whose results are added where they belong.

use super::pattern::Sparsity;
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::eval::outputs_at;
use crate::graph::{Expr, Function, InputGroup, NewOutput};
use crate::jit::CompiledRows;
use crate::op::Scalar;
use crate::schedule::RowMap;
use smallvec::SmallVec;
use std::any::Any;
use std::cell::RefCell;
use std::panic::Location;
use std::{fmt, sync::Arc};

/// A derivative of [`Terms`](super::Terms), or their values: a row loop, and where its numbers belong.
#[derive(Clone)]
pub struct Assembly {
    plan: Arc<Plan>,
    sparsity: Option<Sparsity>,
    /// Nothing where all is zero.
    map: Option<RowMap>,
}

struct Plan {
    variables: usize,
    rows: usize,
    len: usize,
    width: Width,
    /// Of a call, beside the variables.
    inputs: Vec<(String, usize)>,
    pieces: Vec<Piece>,
    /// Where the row loop writes by itself: the first place, and how many a row.
    direct: Option<(usize, usize)>,
    /// What is added after the loop, number by number of a row.
    added: Vec<To>,
    /// Places that the row loop does not write by itself.
    zeros: Vec<(usize, usize)>,
    /// Numbers of the workspace.
    workspace: usize,
}

/// How an input of the kernel gets its numbers.
pub(super) enum Gather {
    Rows,
    Shared,
    /// Numbers that stand side by side: by row, where they start.
    Block {
        len: usize,
        starts: Vec<u32>,
    },
    /// Each number by itself: by number, by row.
    Each(Vec<Vec<u32>>),
}

/// An input of the row loop.
enum Piece {
    /// A slice of the call.
    Given(usize),
    /// A part of the variables.
    Part(std::ops::Range<usize>),
    /// Numbers that are collected first: by row, where they start, and how many stand side by side.
    Gathered { starts: Vec<u32>, len: usize },
}

/// Where a number of each row is added.
enum To {
    /// From a place on, so many places apart.
    Line { first: usize, step: usize },
    /// By row.
    Places(Vec<u32>),
    /// For some rows, or several times in one: row and place.
    Some(Vec<(u32, u32)>),
}

/// The first of numbers that are evenly apart, and how far.
fn line(all: &[u32]) -> Option<(usize, usize)> {
    let (&first, second) = (all.first()?, all.get(1));
    let step = second.map_or(Some(1), |second| second.checked_sub(first))?;
    let even = all.windows(2).all(|pair| pair[1].checked_sub(pair[0]) == Some(step));
    even.then_some((first as usize, step as usize))
}

impl Gather {
    /// By a table of `len` numbers a row.
    pub(super) fn of(len: usize, table: &[u32]) -> Gather {
        let rows = || table.chunks_exact(len);
        let side_by_side = rows().all(|row| row.windows(2).all(|pair| pair[1] == pair[0] + 1));
        let starts: Vec<u32> = rows().map(|row| row[0]).collect();
        // Rows that overlap evenly are columns that are parts of the variables.
        let columns = len == 1 || line(&starts).is_some_and(|(_, step)| step == 1);
        if side_by_side && !columns {
            return Gather::Block { len, starts };
        }
        Gather::Each((0..len).map(|k| rows().map(|row| row[k]).collect()).collect())
    }

    /// The inputs of the row loop: how many numbers a row each has, and where they come from.
    fn pieces(self, group: &InputGroup, given: &mut usize) -> Vec<(usize, Piece)> {
        let piece = |starts: Vec<u32>, len: usize| match line(&starts) {
            Some((first, step)) if step == len => Piece::Part(first..first + len * starts.len()),
            _ => Piece::Gathered { starts, len },
        };
        match self {
            Gather::Rows | Gather::Shared => {
                *given += 1;
                vec![(group.len(), Piece::Given(*given - 1))]
            }
            Gather::Block { len, starts } => vec![(len, piece(starts, len))],
            Gather::Each(columns) => columns.into_iter().map(|column| (1, piece(column, 1))).collect(),
        }
    }
}

impl Assembly {
    /// Nothing but zeros.
    pub(super) fn zero(len: usize, sparsity: Option<Sparsity>, inputs: Vec<(String, usize)>) -> Assembly {
        let plan = Plan {
            variables: 0,
            rows: 0,
            len,
            width: Width::F64,
            inputs,
            pieces: vec![],
            direct: None,
            added: vec![],
            zeros: vec![(0, len)],
            workspace: 0,
        };
        Assembly { plan: Arc::new(plan), sparsity, map: None }
    }

    /// `to` has, by number of a row, rows and places.
    pub(super) fn new(
        f: &Function,
        gathers: Vec<Gather>,
        to: Vec<Vec<(u32, u32)>>,
        (variables, rows, len): (usize, usize, usize),
        sparsity: Option<Sparsity>,
        inputs: Vec<(String, usize)>,
        at: &'static Location<'static>,
    ) -> Result<Assembly> {
        let mut given = 0;
        let shared: Vec<bool> = gathers.iter().map(|gather| matches!(gather, Gather::Shared)).collect();
        let mut varying = Vec::new();
        let mut pieces = Vec::new();
        let mut groups = Vec::new();
        for ((group, gather), shared) in f.inputs().iter().zip(gathers).zip(shared) {
            for (len, piece) in gather.pieces(group, &mut given) {
                let name = format!("x{}", groups.len());
                if !shared {
                    varying.push(name.clone());
                }
                groups.push(InputGroup::numbers(name, len));
                pieces.push(piece);
            }
        }
        let whole = |places: &[(u32, u32)]| places.len() == rows && places.iter().zip(0..).all(|((row, _), k)| *row == k);
        let lines: Vec<Option<(usize, usize)>> = to
            .iter()
            .map(|places| line(&places.iter().map(|(_, place)| *place).collect::<Vec<_>>()).filter(|_| whole(places)))
            .collect();
        let direct = direct(&lines);
        let order: Vec<usize> = direct.iter().flatten().copied().collect();
        let others: Vec<usize> = (0..to.len()).filter(|k| !order.contains(k)).collect();
        let made = Function::build(f.width(), groups, at, |args| {
            let values: Vec<Expr> = outputs_at(f, args).expect("as many as the function takes");
            let output = |name: String, which: &[usize]| NewOutput {
                name,
                values: which.iter().map(|&k| values[k]).collect(),
                aux: false,
            };
            let first = direct.iter().map(|own| output("direct".into(), own));
            first.chain(others.iter().map(|&k| output(format!("y{k}"), &[k]))).collect()
        })?;
        let direct = direct.as_ref().and_then(|own| Some((lines[own[0]]?.0, own.len())));
        let added: Vec<To> = others
            .iter()
            .map(|&k| match lines[k] {
                Some((first, step)) => To::Line { first, step },
                None if whole(&to[k]) => To::Places(to[k].iter().map(|(_, place)| *place).collect()),
                None => To::Some(to[k].clone()),
            })
            .collect();
        let zeros = match direct {
            Some((first, each)) => vec![(0, first), (first + each * rows, len)],
            None => vec![(0, len)],
        };
        let gathered = |piece: &Piece| if let Piece::Gathered { len, .. } = piece { len * rows } else { 0 };
        let workspace = pieces.iter().map(gathered).sum::<usize>() + added.len() * rows;
        let plan = Plan { variables, rows, len, width: f.width(), inputs, pieces, direct, added, zeros, workspace };
        Ok(Assembly { plan: Arc::new(plan), sparsity, map: Some(RowMap::new(&made, varying)?) })
    }

    /// How many numbers a call gives.
    pub fn len(&self) -> usize {
        self.plan.len
    }

    /// Whether that is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of a matrix, where the entries are, and in which order their values.
    pub fn sparsity(&self) -> Option<&Sparsity> {
        self.sparsity.as_ref()
    }

    /// The names of the inputs of a call beside the variables, and how many numbers each has.
    pub fn inputs(&self) -> &[(String, usize)] {
        &self.plan.inputs
    }

    /// Compiles to native code for this processor.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn compile(&self) -> Result<CompiledTerms> {
        let code = self.map.as_ref().filter(|_| self.plan.rows > 0).map(RowMap::compile).transpose()?;
        Ok(CompiledTerms { assembly: self.clone(), code })
    }
}

/// The numbers of a row that the loop may write itself, as they follow each other from row to row without a gap: the first of the most.
fn direct(lines: &[Option<(usize, usize)>]) -> Option<Vec<usize>> {
    let mut all: Vec<(usize, usize, usize)> =
        lines.iter().enumerate().filter_map(|(k, line)| line.map(|(first, step)| (step, first, k))).collect();
    all.sort_unstable();
    let run = |start: usize| {
        let (step, first, _) = all[start];
        let own = all.get(start..start + step).filter(|_| step > 0)?;
        own.iter().zip(first..).all(|(other, place)| other.0 == step && other.1 == place).then_some(own)
    };
    let best = (0..all.len()).filter_map(run).rev().max_by_key(|own| own.len())?;
    Some(best.iter().map(|&(_, _, k)| k).collect())
}

/// An [`Assembly`] as native code. `Send + Sync`, cheap to clone; what is gathered lies in memory of the thread, which later calls find there.
#[derive(Clone)]
pub struct CompiledTerms {
    assembly: Assembly,
    code: Option<CompiledRows>,
}

/// Up to this many slices are collected on the stack.
const SLICES: usize = 32;

impl CompiledTerms {
    /// Computes all numbers, from the variables and a slice for each of the other inputs.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_into<T: Scalar>(&self, variables: &[T], others: &[&[T]], values: &mut [T]) -> Result<()> {
        let plan = &*self.assembly.plan;
        self.check(variables, others, values)?;
        plan.zeros.iter().for_each(|&(from, to)| values[from..to].fill(T::default()));
        let Some(code) = &self.code else { return Ok(()) };
        if T::WIDTH != plan.width {
            return Err(crate::schedule::wrong_width(plan.width, T::WIDTH));
        }
        with_workspace(plan.workspace, |mut workspace: &mut [T]| {
            let mut inputs: SmallVec<[&[T]; SLICES]> = SmallVec::new();
            for piece in &plan.pieces {
                inputs.push(match piece {
                    Piece::Given(k) => others[*k],
                    Piece::Part(range) => &variables[range.clone()],
                    Piece::Gathered { starts, len } => {
                        let own;
                        (own, workspace) = std::mem::take(&mut workspace).split_at_mut(len * plan.rows);
                        gather(variables, starts, *len, own);
                        own
                    }
                });
            }
            let rows = plan.rows;
            let terms = &mut workspace[..plan.added.len() * rows];
            {
                let mut outputs: SmallVec<[&mut [T]; SLICES]> = SmallVec::new();
                outputs.extend(plan.direct.map(|(first, each)| &mut values[first..first + each * rows]));
                outputs.extend(terms.chunks_exact_mut(rows));
                code.call_into(&inputs, &mut outputs)?;
            }
            plan.added.iter().zip(terms.chunks_exact(rows)).for_each(|(to, terms)| add(to, terms, values));
            Ok(())
        })
    }

    fn check<T>(&self, variables: &[T], others: &[&[T]], values: &[T]) -> Result<()> {
        let plan = &*self.assembly.plan;
        let fail = |message: String| Err(Error::new(ErrorKind::Length, message));
        // Where all is zero, the variables are not read.
        if self.assembly.map.is_some() && variables.len() != plan.variables {
            return fail(format!("there are {}, not {}", count(plan.variables, "variable"), variables.len()));
        }
        if others.len() != plan.inputs.len() {
            let names = plan.inputs.iter().map(|(name, len)| format!("{name}: {len}")).collect::<Vec<_>>().join(", ");
            return fail(format!("{} beside the variables, for ({names})", count(others.len(), "input slice")));
        }
        if let Some((x, (name, len))) = others.iter().zip(&plan.inputs).find(|(x, (_, len))| x.len() != *len) {
            return fail(format!("the input `{name}` has {}, not {}", count(*len, "number"), x.len()));
        }
        if values.len() != plan.len {
            return fail(format!("there are {} to write, and room for {}", count(plan.len, "number"), values.len()));
        }
        Ok(())
    }

    /// Of a matrix, where the entries are, and in which order their values.
    pub fn sparsity(&self) -> Option<&Sparsity> {
        self.assembly.sparsity()
    }
}

fn gather<T: Scalar>(variables: &[T], starts: &[u32], len: usize, to: &mut [T]) {
    if len == 1 {
        to.iter_mut().zip(starts).for_each(|(to, &from)| *to = variables[from as usize]);
        return;
    }
    for (to, &from) in to.chunks_exact_mut(len).zip(starts) {
        to.copy_from_slice(&variables[from as usize..from as usize + len]);
    }
}

fn add<T: Scalar>(to: &To, terms: &[T], values: &mut [T]) {
    match to {
        To::Line { first, step: 1 } => values[*first..].iter_mut().zip(terms).for_each(|(sum, &term)| *sum += term),
        To::Line { first, step: 0 } => terms.iter().for_each(|&term| values[*first] += term),
        To::Line { first, step: 2 } => {
            values[*first..].chunks_mut(2).zip(terms).for_each(|(sum, &term)| sum[0] += term);
        }
        To::Line { first, step } => {
            values[*first..].iter_mut().step_by(*step).zip(terms).for_each(|(sum, &term)| *sum += term);
        }
        To::Places(places) => places.iter().zip(terms).for_each(|(&place, &term)| values[place as usize] += term),
        To::Some(places) => {
            places.iter().for_each(|&(row, place)| values[place as usize] += terms[row as usize]);
        }
    }
}

/// The vector of this type.
fn own<T: Scalar>(memory: &mut (Vec<f64>, Vec<f32>)) -> Option<&mut Vec<T>> {
    let all: [&mut dyn Any; 2] = [&mut memory.0, &mut memory.1];
    all.into_iter().find_map(|vector| vector.downcast_mut())
}

/// Memory of the thread's own.
fn with_workspace<T: Scalar, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    thread_local! {
        static MEMORY: RefCell<(Vec<f64>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    }
    let mut memory = MEMORY.with_borrow_mut(|memory| own(memory).map(std::mem::take)).unwrap_or_default();
    if memory.len() < len {
        memory.resize(len, T::default());
    }
    let result = f(&mut memory[..len]);
    MEMORY.with_borrow_mut(|all| own(all).map(|place| *place = memory));
    result
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { rows, len, direct, .. } = &*self.plan;
        write!(f, "Assembly({} from {}, ", count(*len, "number"), count(*rows, "row"))?;
        write!(f, "{} of a row written in place)", direct.map_or(0, |(_, each)| each))
    }
}

impl fmt::Debug for CompiledTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompiledTerms({:?}, {:?})", self.assembly, self.code)
    }
}
