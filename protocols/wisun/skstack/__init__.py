"""SKSTACK-IP text dialects of Wi-SUN sticks (``reference/meter-protocols`` §2.1).

Shared by both sides: :mod:`~protocols.wisun.skstack.dialect` (what differs between sticks),
:mod:`~protocols.wisun.skstack.fields` (tokens), :mod:`~protocols.wisun.skstack.lines` (what a stick says). The stick:
:mod:`~protocols.wisun.skstack.commands`, :mod:`~protocols.wisun.skstack.registers`,
:mod:`~protocols.wisun.skstack.command_reader`, :mod:`~protocols.wisun.skstack.module`. The host:
:mod:`~protocols.wisun.skstack.line_reader`, :mod:`~protocols.wisun.skstack.host`,
:mod:`~protocols.wisun.skstack.session`.
"""
