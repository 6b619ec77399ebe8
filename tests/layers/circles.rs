//! Circles of files: those that import each other, through however many others.

use crate::names::Crate;
use std::collections::{BTreeMap, BTreeSet};

/// Files with what each uses of others: a number for each file, and the names.
type Ties = BTreeMap<usize, BTreeMap<usize, BTreeSet<String>>>;

/// A circle that may stay: its files, and why.
pub type Allowed<'a> = (&'a [&'a str], &'a str);

/// Circles that are not allowed, allowed ones that are gone, and too many of them.
pub fn faults(names: &Crate, allowed: &[Allowed<'_>]) -> Vec<String> {
    let ties = ties(names);
    let path = |file: &usize| names.files[*file].path.as_str();
    let circles = circles(&ties);
    let mut faults = Vec::new();
    let mut left: Vec<BTreeSet<&str>> = allowed.iter().map(|(files, _)| files.iter().copied().collect()).collect();
    for circle in &circles {
        let files: BTreeSet<&str> = circle.iter().map(path).collect();
        if let Some(k) = left.iter().position(|known| *known == files) {
            left.remove(k);
            continue;
        }
        let list = files.iter().copied().collect::<Vec<_>>().join(", ");
        let mut text = format!("a circle of {} files: {list}", files.len());
        for from in circle {
            for (to, used) in ties[from].iter().filter(|(to, _)| circle.contains(to)) {
                let used = used.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                text += &format!("\n    {} uses {used} of {}", path(from), path(to));
            }
        }
        faults.push(text);
    }
    faults.extend(left.iter().map(|files| format!("an allowed circle is gone: {files:?}")));
    let unexplained = allowed.iter().filter(|(_, why)| why.is_empty());
    faults.extend(unexplained.map(|(files, _)| format!("a circle is allowed without a reason: {files:?}")));
    if allowed.len() > 3 {
        faults.push(format!("{} circles are allowed, which is more than three", allowed.len()));
    }
    faults
}

/// What files use of each other. A file that only declares modules and re-exports names is no file of its own.
fn ties(names: &Crate) -> Ties {
    let mut ties = Ties::new();
    for import in names.imports().0 {
        let counts = import.from != import.to && !import.reexport && !names.is_plain(import.from) && !names.is_plain(import.to);
        if let Some(name) = import.name.filter(|_| counts) {
            ties.entry(import.from).or_default().entry(import.to).or_default().insert(name);
            ties.entry(import.to).or_default();
        }
    }
    ties
}

/// The sets of two and more files of which each leads to each (Tarjan, 1972), without recursion.
fn circles(ties: &Ties) -> Vec<BTreeSet<usize>> {
    let next: BTreeMap<usize, Vec<usize>> = ties.iter().map(|(&from, to)| (from, to.keys().copied().collect())).collect();
    let (mut order, mut low) = (BTreeMap::new(), BTreeMap::new());
    let (mut open, mut circles) = (Vec::new(), Vec::new());
    for &start in next.keys() {
        let mut path = vec![(start, 0)];
        while let Some((file, k)) = path.pop() {
            if k == 0 {
                if order.contains_key(&file) {
                    continue;
                }
                order.insert(file, order.len());
                low.insert(file, order[&file]);
                open.push(file);
            } else {
                let child = next[&file][k - 1];
                if open.contains(&child) {
                    let lowest = low[&file].min(low[&child]);
                    low.insert(file, lowest);
                }
            }
            if let Some(&child) = next[&file].get(k) {
                path.push((file, k + 1));
                path.push((child, 0));
                continue;
            }
            if low[&file] == order[&file] {
                let at = open.iter().position(|&other| other == file).unwrap();
                let circle: BTreeSet<usize> = open.split_off(at).into_iter().collect();
                circles.extend((circle.len() > 1).then_some(circle));
            }
        }
    }
    circles
}
