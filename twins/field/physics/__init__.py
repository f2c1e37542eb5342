"""The one physics module of the field, for both levels and for the attenuators: pure functions of arrays.

Path loss (:mod:`~twins.field.physics.path_loss`), shadowing (:mod:`~twins.field.physics.shadowing`), links out of
both (:mod:`~twins.field.physics.links`), noise and signal to interference (:mod:`~twins.field.physics.noise`), bit and
packet errors (:mod:`~twins.field.physics.fsk`), frames and channels (:mod:`~twins.field.physics.phy`,
:mod:`~twins.field.physics.hopping`). Figures are data (:mod:`~twins.field.physics.parameters`).
"""
