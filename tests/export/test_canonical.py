"""Two ways of writing one ONNX graph become one."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from stages.export.canonical import canonical


def graph(names: str, backwards: bool) -> onnx.ModelProto:
    """Return (x + 1) * (x + 2), its nodes and constants under some names, in some order."""
    first, second, one, two = list(names)
    nodes = [
        helper.make_node("Add", ["x", one], [first], name=f"add_{first}"),
        helper.make_node("Add", ["x", two], [second], name=f"add_{second}"),
    ]
    constants = [
        numpy_helper.from_array(np.array([value], np.float32), name)
        for value, name in ((1, one), (2, two))
    ]
    if backwards:
        nodes.reverse()
        constants.reverse()
    value = [1]
    made = helper.make_graph(
        [*nodes, helper.make_node("Mul", [first, second], ["y"], name=f"mul_{first}")],
        f"graph_{first}",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, value)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, value)],
        initializer=constants,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_names_and_order_leave_no_trace() -> None:
    one = canonical(graph("abcd", backwards=False))
    other = canonical(graph("zuwv", backwards=True))

    assert graph("abcd", backwards=False) != graph("zuwv", backwards=True)
    assert one.SerializeToString() == other.SerializeToString()


def test_it_still_computes_the_same() -> None:
    rewritten = canonical(graph("abcd", backwards=True))

    onnx.checker.check_model(rewritten, full_check=True)
    session = onnxruntime.InferenceSession(rewritten.SerializeToString())
    (answer,) = session.run(["y"], {"x": np.array([3], np.float32)})
    assert answer.tolist() == [20]
