"""The town's camera: Panda3D's software renderer at twice the size. It needs neither a GPU nor a display.

One camera per process (Panda3D's engine is a singleton). `look` returns colours and surface classes;
`world.town.weather` makes the picture. Importing the module raises SimulatorError without Panda3D.
"""

from __future__ import annotations

import math

import numpy as np

from world.errors import SimulatorError

HEIGHT, WIDTH = 144, 256
FOCAL = WIDTH / 2  # pixels, for a horizontal field of view of 90 degrees
CAMERA_HEIGHT = 1.5  # m
NEAR, FAR = 0.4, 170.0  # m
OVERSAMPLE = 2

try:
    from panda3d import core
except ImportError as error:
    raise SimulatorError("The town's camera needs Panda3D: run `pip install 'lucidrive[sim]'`.") from error

from world.town.mesh import MeshBuilder, TownSurface  # noqa: E402 (needs panda3d)
from world.town.scene import Scene  # noqa: E402

_SETTINGS = (
    "load-display p3tinydisplay",
    "window-type offscreen",
    "audio-library-name null",
    "notify-level-display error",
    "notify-level-x11display fatal",  # there need not be a screen
)


class TownCamera:
    """A scene graph with one camera. `actors` is the node for moving objects.

    SimulatorError where the renderer fails to open.
    """

    def __init__(self) -> None:
        for line in _SETTINGS:
            core.loadPrcFileData("lucidrive", line)
        self._engine = core.GraphicsEngine.getGlobalPtr()
        pipe = core.GraphicsPipeSelection.getGlobalPtr().makeModulePipe("p3tinydisplay")
        if pipe is None:
            raise SimulatorError("Panda3D's software display could not be opened; reinstall panda3d.")
        buffer = core.FrameBufferProperties()
        buffer.setRgbaBits(8, 8, 8, 8)
        buffer.setDepthBits(24)
        size = core.WindowProperties.size(WIDTH * OVERSAMPLE, HEIGHT * OVERSAMPLE)
        self._window = self._engine.makeOutput(pipe, "camera", 0, buffer, size, core.GraphicsPipe.BFRefuseWindow)
        self._texture = core.Texture()
        self._window.addRenderTexture(self._texture, core.GraphicsOutput.RTMCopyRam, core.GraphicsOutput.RTPColor)
        self._window.setClearColor((0, 0, 0, 0))
        self._window.setClearColorActive(True)
        self._root = core.NodePath("town")
        lens = core.PerspectiveLens()
        lens.setAspectRatio(WIDTH / HEIGHT)
        lens.setFov(90.0)
        lens.setNearFar(NEAR, FAR)
        eye = core.Camera("eye", lens)
        self._eye = self._root.attachNewNode(eye)
        region = self._window.makeDisplayRegion()
        region.setCamera(self._eye)
        self._static = self._root.attachNewNode("static")
        self._grass = self._root.attachNewNode("grass")
        self._add_grass()
        self.actors = self._root.attachNewNode("actors")

    def _add_grass(self) -> None:
        from world.town.ground import GRASS

        mesh, size = MeshBuilder(), 60.0
        for i in range(-3, 3):
            for j in range(-3, 3):
                x, y = i * size, j * size
                quad = [(x, y, 0), (x + size, y, 0), (x + size, y + size, 0), (x, y + size, 0)]
                mesh.polygon(quad, GRASS, TownSurface.GRASS, shade=False)
        node = self._grass.attachNewNode(mesh.node("grass"))
        _paint(node, 0)

    def close(self) -> None:
        """Releases the window."""
        self._engine.removeWindow(self._window)
        self._root.removeNode()

    def load(self, scene: Scene) -> None:
        """Replaces the static scene by that of a town."""
        self._static.removeNode()
        self._static = self._root.attachNewNode("static")
        for order, tiles in enumerate(scene.layers.values(), start=1):
            for mesh in tiles.values():
                _paint(self._static.attachNewNode(mesh.node("ground")), order)
        for mesh in scene.objects.values():
            self._static.attachNewNode(mesh.node("objects"))

    def attach(self, mesh: MeshBuilder, x: float, y: float, heading: float) -> core.NodePath:
        """Attaches a mesh (a signal head) to the static scene at (x, y) in m and heading in rad."""
        node = self._static.attachNewNode(mesh.node("fixed"))
        node.setPosHpr(x, y, 0, math.degrees(heading), 0, 0)
        return node

    def look(self, x: float, y: float, heading: float) -> np.ndarray:
        """The view from a point: uint8 [2H, 2W, 4], red, green, blue and surface class, top row first."""
        self._grass.setPos(round(x / 60.0) * 60.0, round(y / 60.0) * 60.0, 0)
        self._eye.setPosHpr(x, y, CAMERA_HEIGHT, math.degrees(heading) - 90.0, 0, 0)
        self._engine.renderFrame()
        data = np.frombuffer(self._texture.getRamImage(), np.uint8)
        return data.reshape(HEIGHT * OVERSAMPLE, WIDTH * OVERSAMPLE, 4)[::-1, :, (2, 1, 0, 3)]


def _paint(node: core.NodePath, order: int) -> None:
    """Draws a ground layer in painter's order, without depth: everything else stands above it."""
    node.setBin("background", order)
    node.setDepthTest(False)
    node.setDepthWrite(False)
