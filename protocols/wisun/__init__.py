"""The B-route's radio: sticks and their serial dialects, PANA and EAP-PSK (``reference/meter-protocols`` §2).

:mod:`~protocols.wisun.radio` holds what every stick shares: addresses, channels, beacons, datagrams, what a stick asks
of its radio and what the radio answers. :mod:`~protocols.wisun.skstack` speaks the text dialects and
:mod:`~protocols.wisun.j11` the binary one, each with the stick's side (``module``) and the host's side (``session``);
both hosts look the same to their driver (:mod:`~protocols.wisun.host`). :mod:`~protocols.wisun.pana`,
:mod:`~protocols.wisun.paa` and :mod:`~protocols.wisun.pac` carry :mod:`~protocols.wisun.eap_psk` between meter and
stick. Nothing here touches a port or a clock: bytes, answers and times go in, bytes, requests and events come out.
"""
