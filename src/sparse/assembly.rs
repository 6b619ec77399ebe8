//! Row loops whose inputs are gathered from a vector and whose results are added where they belong.

use super::pattern::Sparsity;
use crate::base::Width;
use crate::error::{Result, count};
use crate::eval::outputs_at;
use crate::graph::{Expr, Function, InputGroup, NewOutput};
use std::panic::Location;
use std::{fmt, sync::Arc};

/// A derivative of [`Terms`](super::Terms), or their values: a row loop, and where its results belong.
#[derive(Clone)]
pub struct Assembly {
    pub(crate) plan: Arc<Gathers>,
    sparsity: Option<Sparsity>,
    /// The function of a row, and its inputs that have a value for each; nothing where all is zero.
    pub(crate) kernel: Option<(Function, Vec<String>)>,
}

/// Where the inputs of the rows come from, and where their results go.
pub(crate) struct Gathers {
    pub(crate) variables: usize,
    pub(crate) rows: usize,
    pub(crate) len: usize,
    pub(crate) width: Width,
    /// Of a call, beside the variables.
    pub(crate) inputs: Vec<(String, usize)>,
    pub(crate) pieces: Vec<Piece>,
    /// Where the row loop writes by itself: the first place, and how many a row.
    pub(crate) direct: Option<(usize, usize)>,
    /// What is added after the loop, element by element of a row.
    pub(crate) added: Vec<To>,
    /// Entries that the row loop does not write by itself.
    pub(crate) zeros: Vec<(usize, usize)>,
    /// Elements of the workspace.
    pub(crate) workspace: usize,
}

/// How an input of the kernel gets its elements.
pub(super) enum Gather {
    Rows,
    Shared,
    /// Numbers that stand side by side: by row, where they start.
    Block {
        len: usize,
        starts: Vec<u32>,
    },
    /// Each element by itself: by element, by row.
    Each(Vec<Vec<u32>>),
}

/// An input of the row loop.
pub(crate) enum Piece {
    /// A slice of the call.
    Given(usize),
    /// A part of the variables.
    Part(std::ops::Range<usize>),
    /// Numbers that are collected first: by row, where they start, and how many stand side by side.
    Gathered { starts: Vec<u32>, len: usize },
}

/// Where an element of each row is added.
pub(crate) enum To {
    /// From an entry on, so many entries apart.
    Line { first: usize, step: usize },
    /// By row, the entry.
    Rows(Vec<u32>),
    /// For some rows, or several times in one: row and entry.
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
    /// By a table of `len` elements a row.
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

    /// The inputs of the row loop: how many elements a row each has, and where they come from.
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
        let plan = Gathers {
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
        Assembly { plan: Arc::new(plan), sparsity, kernel: None }
    }

    /// `to` has, by element of a row, rows and entries.
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
            let output = |name: String, which: &[usize]| NewOutput::new(name, which.iter().map(|&k| values[k]).collect());
            let first = direct.iter().map(|own| output("direct".into(), own));
            first.chain(others.iter().map(|&k| output(format!("y{k}"), &[k]))).collect()
        })?;
        let direct = direct.as_ref().and_then(|own| Some((lines[own[0]]?.0, own.len())));
        let added: Vec<To> = others
            .iter()
            .map(|&k| match lines[k] {
                Some((first, step)) => To::Line { first, step },
                None if whole(&to[k]) => To::Rows(to[k].iter().map(|(_, place)| *place).collect()),
                None => To::Some(to[k].clone()),
            })
            .collect();
        let zeros = match direct {
            Some((first, each)) => vec![(0, first), (first + each * rows, len)],
            None => vec![(0, len)],
        };
        let gathered = |piece: &Piece| if let Piece::Gathered { len, .. } = piece { len * rows } else { 0 };
        let workspace = pieces.iter().map(gathered).sum::<usize>() + added.len() * rows;
        let plan = Gathers { variables, rows, len, width: f.width(), inputs, pieces, direct, added, zeros, workspace };
        Ok(Assembly { plan: Arc::new(plan), sparsity, kernel: Some((made, varying)) })
    }

    /// How many elements a call gives.
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

    /// The names of the inputs of a call beside the variables, and how many elements each has.
    pub fn inputs(&self) -> &[(String, usize)] {
        &self.plan.inputs
    }
}

/// The elements of a row that the loop may write itself, as they follow each other from row to row without a gap: the first of the most.
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

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gathers { rows, len, direct, .. } = &*self.plan;
        write!(f, "Assembly({} from {}, ", count(*len, "number"), count(*rows, "row"))?;
        write!(f, "{} of a row written in place)", direct.map_or(0, |(_, each)| each))
    }
}
