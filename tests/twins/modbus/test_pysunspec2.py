"""pysunspec2, a SunSpec client written by others, finds and reads the models of a twin."""

from __future__ import annotations

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from protocols.modbus.sunspec import BASE
from tests.twins.modbus.served import NOW, served, view_of
from twins.clock import VirtualClock


@pytest.mark.parametrize(("three_wire", "generator"), [(False, False), (True, False), (True, True)])
def test_a_sunspec_client_walks_the_chain_and_reads_scaled_values(three_wire: bool, generator: bool) -> None:
    view = view_of(three_wire=three_wire, generator=generator)
    electric, active = view.electric(NOW), view.active(NOW)
    with served([view], VirtualClock(NOW)) as service:
        (endpoint,) = service.endpoints()
        device = SunSpecModbusClientDeviceTCP(
            slave_id=int(endpoint.ids["sunspec"]), ipaddr=endpoint.address, ipport=endpoint.port, timeout=10
        )
        device.scan()
    assert device.base_addr == BASE
    common, meter = device.models[1][0], device.models[202 if three_wire else 201][0]
    assert (common.Mn.value, common.SN.value) == ("Meter Bench", view.identity.serial)
    assert (meter.W.cvalue, meter.TotWhImp.cvalue) == (electric.power_w, active.import_wh)
    assert meter.TotWhExp.cvalue == (active.export_wh or None)  # 0 is the code of an accumulator that is not kept
    assert meter.PhVphA.cvalue == pytest.approx(electric.voltage_r_mv / 1000, abs=0.051)
    assert meter.AphA.cvalue == pytest.approx(abs(electric.current_r_ma) / 1000, abs=0.0051)
    assert meter.PF.cvalue == pytest.approx(electric.power_factor * 100, abs=0.0051)
    assert meter.Hz.value is None
    assert (meter.AphB.value is None) == (not three_wire)
    assert meter.Evt.value == 0
