"""Which operators a graph may call: functions of their arguments alone, that language models are made of.

Left out are: random numbers, memory that was never written (``empty`` could show what lay there before), results whose
size depends on values, views beyond a tensor, files, printing, everything that is not torch's own.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from dialectic.scorer.refusal import quoted, refuse, require

if TYPE_CHECKING:
    from torch._ops import OpOverload

TARGET = re.compile(r"torch\.ops\.aten\.(?P<name>\w{1,60})\.(?P<overload>\w{1,60})", re.ASCII)
AUTOCAST = "torch.ops.higher_order.wrap_with_autocast"
SET_GRAD = "torch.ops.higher_order.wrap_with_set_grad_enabled"
ASSERTION = "_assert_tensor_metadata"

POINTWISE = """
abs absolute acos acosh add addcdiv addcmul angle arccos arcsin arctan arctan2 asin asinh atan atan2 atanh bitwise_and
bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil celu clamp clamp_max clamp_min clip
conj conj_physical copysign cos cosh deg2rad div divide elu eq erf erfc erfinv exp exp2 expm1 fix floor floor_divide
fmax fmin fmod frac ge gelu glu greater greater_equal gt hardshrink hardsigmoid hardswish hardtanh heaviside hypot
imag isclose isfinite isinf isnan isneginf isposinf lcm ldexp le leaky_relu lerp less less_equal lgamma log log10
log1p log2 log_sigmoid logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit lt max maximum min
minimum mish mul multiply nan_to_num ne neg negative not_equal pow prelu real reciprocal relu relu6 remainder
resolve_conj resolve_neg round rsqrt rsub selu sgn sigmoid sign signbit silu sin sinc sinh softplus softshrink
special_expit special_log_softmax special_softmax special_xlogy sqrt square sub subtract tan tanh
threshold true_divide trunc where xlogy __and__ __or__ __xor__ __lshift__ __rshift__
"""
REDUCTIONS = """
all amax amin aminmax any argmax argmin argsort count_nonzero cummax cummin cumprod cumsum diff kthvalue logcumsumexp
logsumexp mean median mode msort norm linalg_norm linalg_vector_norm linalg_matrix_norm nanmean nansum prod quantile
searchsorted bucketize sort std std_mean sum topk var var_mean
"""
PRODUCTS = """
addbmm addmm addmv addr baddbmm bilinear bmm chain_matmul conv1d conv2d conv3d conv_transpose1d conv_transpose2d
convolution cosine_similarity cross dot einsum inner kron linalg_multi_dot linalg_vecdot linear matmul mm mv outer
pairwise_distance scaled_dot_product_attention tensordot trapezoid vdot cdist
"""
LAYERS = """
adaptive_avg_pool1d avg_pool1d avg_pool2d batch_norm dropout embedding fft_fft fft_ifft fft_irfft fft_rfft
group_norm instance_norm layer_norm log_softmax max_pool1d max_pool2d native_group_norm native_layer_norm one_hot
rms_norm softmax unfold
"""
SHAPES = """
alias atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors broadcast_to cartesian_prod cat chunk clone
column_stack complex concat concatenate constant_pad_nd contiguous detach diag diag_embed diagonal dsplit dstack
expand expand_as flatten flip fliplr flipud gather hsplit hstack index index_add index_copy index_fill index_put
index_reduce index_select lift_fresh lift_fresh_copy masked_fill masked_scatter meshgrid moveaxis movedim mT mH
matrix_H narrow numpy_T pad permute pixel_shuffle pixel_unshuffle polar put ravel repeat repeat_interleave reshape
reshape_as roll rot90 row_stack scatter scatter_add scatter_reduce select select_scatter slice slice_scatter
diagonal_scatter split split_with_sizes squeeze stack swapaxes swapdims t take take_along_dim tensor_split tile
to to_dense transpose tril triu type_as unbind unflatten unsqueeze unsafe_chunk unsafe_split unsafe_split_with_sizes
view view_as view_as_complex view_as_real vsplit vstack _to_copy _unsafe_view _conj
"""
CREATION = """
arange eye full full_like linspace logspace new_full new_ones new_zeros ones ones_like scalar_tensor tril_indices
triu_indices vander zeros zeros_like hann_window
"""
IN_PLACE = """
abs_ add_ addcdiv_ addcmul_ baddbmm_ bitwise_and_ bitwise_not_ bitwise_or_ bitwise_xor_ ceil_ clamp_ clamp_max_
clamp_min_ copy_ cos_ cumsum_ detach_ div_ elu_ erf_ exp_ fill_ fill_diagonal_ floor_ fmod_ ge_ gt_ hardswish_ hardtanh_
index_add_ index_copy_ index_fill_ index_put_ le_ leaky_relu_ lerp_ log_ logical_and_ logical_not_ logical_or_ lt_
masked_fill_ masked_scatter_ mul_ neg_ pow_ reciprocal_ relu_ relu6_ remainder_ round_ rsqrt_ scatter_ scatter_add_
scatter_reduce_ sigmoid_ sign_ silu_ sin_ sqrt_ square_ sub_ tanh_ tril_ triu_ zero_
"""
ALLOWED = frozenset(" ".join([POINTWISE, REDUCTIONS, PRODUCTS, LAYERS, SHAPES, CREATION, IN_PLACE, ASSERTION]).split())
SWITCHED_OFF = ("train", "training")
"""Arguments that would make an operator random, or a function of the other rows; so would a share to drop."""


@functools.cache
def operator(target: str) -> OpOverload:
    """The operator of that name. Raises `Refused` for one that is not in the allowed set or not there at all."""
    import torch

    match = TARGET.fullmatch(target)
    if match is None or match["name"] not in ALLOWED:
        refuse("operator", f"{quoted(target)} is not among the operators that a graph may call")
    packet = getattr(torch.ops.aten, match["name"], None)
    if packet is None or match["overload"] not in packet.overloads():
        refuse("operator", f"torch {torch.__version__} has no {quoted(target)}")
    found: OpOverload = getattr(packet, match["overload"])
    writes = any(argument.is_out or argument.is_write for argument in found._schema.arguments)
    require(not writes or match["name"] in IN_PLACE.split(), "operator", f"{quoted(target)} writes into an argument")
    return found


def bind(target: str, arguments: list[tuple[str, Any]]) -> dict[str, Any]:
    """The arguments of a call by name, all of the operator's own. Raises `Refused`."""
    known = {argument.name for argument in operator(target)._schema.arguments}
    given = dict(arguments)
    require(len(given) == len(arguments) and given.keys() <= known, "program", f"arguments of {quoted(target)}")
    for name, value in given.items():
        on = (name in SWITCHED_OFF and value is not False) or (name == "dropout_p" and value != 0)
        require(not on, "operator", f"{quoted(target)} with {name}={quoted(value)} is not a function of its row alone")
        require(name != "generator" or value is None, "operator", f"{quoted(target)} draws random numbers")
    return given
