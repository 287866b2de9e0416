"""``sampled``, and then made as large in the target host as the ported module.

What entries drawn alone add to a host is smaller than what the ported module adds: a draw keeps the size of each
tensor, and the size of a product of tensors also comes from how they go together. So the draw made here is scaled in
the target host (``peftport.matching``), site by site, by one factor for all tensors that what the site adds is
linear in. A constant tensor is kept by the draw and scaled with the others of its site, so that the factor holds for
all that is added; a site of which all those tensors are constant keeps the ported direction. The card lists
constant tensors.
"""

from peftport.porting import sampled

RULE = (
    "As `sampled`, and then scaled in the target host until what it adds at every site, on training texts of the "
    "target dataset, is as large as what the source module adds (root mean square; for LoRA the Frobenius norm of BA)."
)
NEEDS = frozenset({"source", "texts"})

start = sampled.start
