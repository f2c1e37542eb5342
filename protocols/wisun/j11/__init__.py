"""The binary dialect of the BP35C0-J11 stick (``reference/meter-protocols`` §2.3).

:mod:`~protocols.wisun.j11.frame` (one frame and the stream of them), :mod:`~protocols.wisun.j11.messages` (codes and
the data they carry), :mod:`~protocols.wisun.j11.module` (the stick), :mod:`~protocols.wisun.j11.session` (its host).
"""
