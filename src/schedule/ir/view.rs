//! Where values are read. Data only.

use crate::base::Shape;
use crate::graph::NodeId;

/// Where a value is read: the node that has the memory, and the shape that is read. The value may be that shape broadcast.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) node: NodeId,
    pub(crate) shape: Shape,
    /// The slice of the node's elements that is read, or what puts them among zeros.
    pub(crate) cut: Option<NodeId>,
}
