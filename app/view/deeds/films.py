"""Screenshots and films of the picture."""

from __future__ import annotations

from app.errors import AppError
from app.view.application_state import ApplicationState
from app.view.film import HistoryFilm, WindowFilm


class FilmDeeds(ApplicationState):
    """Pictures that are kept."""

    def screenshot(self) -> None:
        """Save the next picture."""
        self.wanted_screenshot = self.free_name("png")

    def toggle_film(self) -> None:
        """Film the picture from now on, or end that."""
        if self.film is not None:
            self.end_film()
            return
        self.film = WindowFilm(self.free_name("mp4"))
        self.log.add("info", f"filming to {self.film.path}")

    def film_history(self) -> None:
        """Make a film of every frame in memory, as seen from here."""
        session = self.session
        if session is None or self.film is not None:
            return
        self.runner.pause()
        try:
            self.film = HistoryFilm(
                self.free_name("mp4"), session.history.all(), session.settings.fps, self.picture_size
            )
        except AppError as error:
            self.log.add("error", str(error))

    def end_film(self, error: Exception | None = None) -> None:
        """Finish the film that is being made."""
        film, self.film = self.film, None
        try:
            film.close()
        except AppError as failed:
            error = error or failed
        if error is not None:
            self.log.add("error", f"{error}")
        else:
            self.log.add("info", f"film {film.path} has {film.count} pictures")
