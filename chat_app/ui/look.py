"""How the page looks and what always stands on it; no font, style or script comes from elsewhere."""

from __future__ import annotations

import gradio as gr

STANDING = (
    "**Lightbox** · for research and education. Not a medical device; it writes drafts only, "
    "and every word of them needs a clinician's eyes."
)

# Fonts of the machine itself: a page in a hospital may not reach a font server.
FONTS = ("system-ui", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")

CSS = """
main.fillable.app { max-width: none; padding: 12px 20px; gap: 10px; }
.column, .row { gap: 10px; }
#standing p, #caption p { margin: 0; }
#picture, #picture .html-container { padding: 0; border: 0; }
#drop .icon-wrap { display: none; }
#drop .wrap { min-height: 0; padding-top: 20px; font-size: 0.85rem; line-height: 1.3; }
#studies .wrap, #cases .wrap { flex-direction: column; max-height: 16rem; overflow-y: auto; }
#chat .placeholder-content { justify-content: center; padding: 24px; text-align: center; }
@media (min-width: 1100px) {
  #draft-column { max-height: calc(100vh - 60px); overflow-y: auto; flex-wrap: nowrap; }
  #draft-column > * { flex-shrink: 0; }
}
#sheet, #sheet .html-container { padding: 0; border: 0; overflow: visible; }
#basis ul { margin: 0; padding-left: 0; list-style-position: inside; }
#passages details { margin: 4px 0; }
#passages details p { margin: 4px 0; white-space: pre-line; }
#passages mark:target { outline: 2px solid; }
#similar figure { display: flex; gap: 10px; margin: 8px 0; align-items: flex-start; }
#similar img { width: 120px; flex: none; }
#similar figcaption { white-space: pre-line; }
"""

THEME = gr.themes.Base(primary_hue="sky", neutral_hue="slate", font=FONTS, font_mono=MONO)
