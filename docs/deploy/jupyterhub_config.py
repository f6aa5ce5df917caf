"""What this course asks of a JupyterHub, whichever it is: load it from the hub's own configuration.

    load_subconfig("/path/to/docs/deploy/jupyterhub_config.py")       # in jupyterhub_config.py
    cp docs/deploy/jupyterhub_config.py /opt/tljh/config/jupyterhub_config.d/nodekit.py     # The Littlest JupyterHub

docs/hub.md says how many students a machine holds, and where the figures come from.
"""

import sys

c = get_config()  # noqa: F821  the hub gives it

c.Spawner.default_url = "/lab"
# One thread each: torch would otherwise start as many as the machine has cores, for every student. No lesson needs a
# GPU, and every kernel that sees one keeps a part of its memory.
c.Spawner.environment.update({"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""})
# Of spawners that can (systemd, Docker, Kubernetes). The heaviest lesson's kernel stays below 1 GB, its server 0.1.
c.Spawner.mem_guarantee = "1G"
c.Spawner.mem_limit = "2G"

# A kernel that is left open keeps its memory: end servers that nobody has used for an hour.
rights = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
c.JupyterHub.load_roles.append({"name": "idle-culler", "scopes": rights, "services": ["idle-culler"]})
culler = [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"]
c.JupyterHub.services.append({"name": "idle-culler", "command": culler})
