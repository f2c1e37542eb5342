"""Provisioning: the machines of a lab brought to what its topology says, by the playbooks in ``playbooks/``.

ansible-core is under the GPL: it is run as a program, through ansible-runner (Apache-2.0), and never imported. It comes
with the extra ``provision`` and nothing else of the bench needs it.
"""
