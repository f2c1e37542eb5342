"""Topologies: YAML files that say what exists, read into checked data with problems told by line and column."""

from bench.topology.load import LoadedTopology, load_topology
from bench.topology.model import Topology
from bench.topology.problems import Problem, TopologyError

__all__ = ["LoadedTopology", "Problem", "Topology", "TopologyError", "load_topology"]
