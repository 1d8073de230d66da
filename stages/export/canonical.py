"""One way of writing an ONNX graph: tf2onnx numbers and orders the same graph anew each time."""

from typing import Any

import onnx


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose bytes follow from what it computes alone.

    Nodes stand in the order in which the outputs need them, each once, and constants and what nodes
    give are named by that order; the names of inputs and outputs stay.

    Args:
        model: without graphs in the attributes of its nodes.
    """
    return _Rewriting(model.graph).of(model)


class _Rewriting:
    """The new names of what is rewritten already, and the new graph as far as it is."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.node_of = {name: node for node in graph.node for name in node.output}
        self.constant_of = {each.name: each for each in graph.initializer}
        self.names = {each.name: each.name for each in graph.input}
        self.names[""] = ""  # an optional input that is left out
        self.known: dict[bytes, str] = {}
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def of(self, model: Any) -> Any:
        """Return the rewritten model."""
        for output in self.graph.output:
            self._need(output.name)
        # Nodes give their new names, outputs keep theirs.
        kept = [
            onnx.helper.make_node(
                "Identity", [self.names[output.name]], [output.name], name=output.name
            )
            for output in self.graph.output
        ]
        graph = onnx.helper.make_graph(
            [*self.nodes, *kept],
            "classifier",
            list(self.graph.input),
            list(self.graph.output),
            initializer=self.constants,
        )
        rewritten = onnx.ModelProto()
        rewritten.CopyFrom(model)
        rewritten.graph.CopyFrom(graph)
        return rewritten

    def _need(self, wanted: str) -> None:
        """Rewrite what gives a tensor, and all that this takes first."""
        waiting = [wanted]
        while waiting:
            name = waiting[-1]
            if name in self.names:
                waiting.pop()
            elif name in self.constant_of:
                self._rewrite_constant(name)
            else:
                missing = [each for each in self.node_of[name].input if each not in self.names]
                if missing:
                    # The first one first: the last of the list is looked at next.
                    waiting.extend(reversed(missing))
                else:
                    self._rewrite_node(self.node_of[name])

    def _rewrite_constant(self, name: str) -> None:
        constant = onnx.TensorProto()
        constant.CopyFrom(self.constant_of[name])
        constant.name = ""
        content = constant.SerializeToString(deterministic=True)
        if content not in self.known:
            self.known[content] = constant.name = f"constant_{len(self.constants)}"
            self.constants.append(constant)
        self.names[name] = self.known[content]

    def _rewrite_node(self, node: Any) -> None:
        rewritten = onnx.NodeProto()
        rewritten.CopyFrom(node)
        del rewritten.input[:], rewritten.output[:], rewritten.attribute[:]
        rewritten.name = rewritten.doc_string = ""
        rewritten.input.extend(self.names[name] for name in node.input)
        rewritten.attribute.extend(sorted(node.attribute, key=lambda each: each.name))
        content = rewritten.SerializeToString(deterministic=True)
        if content not in self.known:
            self.known[content] = rewritten.name = f"node_{len(self.nodes)}"
            rewritten.output.extend(
                f"{rewritten.name}_{position}" for position in range(len(node.output))
            )
            self.nodes.append(rewritten)
        for position, name in enumerate(node.output):
            self.names[name] = f"{self.known[content]}_{position}"
