"""Reads a report: tags that close, nothing from outside, every kernel and the totals of a prediction.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import html.parser
import json
import sys

VOID = {"meta", "line", "circle", "br"}
OPEN_ENDED = {"td", "th", "tr", "thead", "tbody"}  # HTML closes them by itself


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.words, self.count = [], [], {}

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        assert tag not in ("script", "link", "img", "iframe"), tag
        assert not {"src", "href"} & {name for name, _ in attributes}, attributes
        for name, value in attributes:
            assert "nan" not in value and "inf" not in value.split(), (name, value)
        if tag not in VOID | OPEN_ENDED:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID | OPEN_ENDED:
            assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        self.words.append(data)


def main(page_path, prediction_path):
    page = Page()
    with open(page_path, encoding="utf-8") as file:
        page.feed(file.read())
    with open(prediction_path, encoding="utf-8") as file:
        prediction = json.load(file)
    assert not page.open, page.open
    assert page.count["svg"] == 2 and page.count["circle"] > 20, page.count
    text = " ".join(page.words)
    for entry in ("prefill", "step"):
        row = prediction[entry]
        assert f"{row['seconds'] * 1e3:.3f} ms" in text, entry
        for kernel in row["kernels"]:
            assert kernel["name"] in text, kernel["name"]
            assert f"{kernel['seconds'] / kernel['calls'] * 1e6:.2f}" in text, kernel["name"]


main(*sys.argv[1:])
