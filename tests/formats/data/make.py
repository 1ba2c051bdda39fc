"""Write the files beside this one with the libraries of their tools: ``python tests/formats/data/make.py``.

Needs ``pip install bioc dkpro-cassis pyarrow datasets``. The files were written with bioc 2.1,
dkpro-cassis 0.12.0 and datasets 5.2.0. The sentences are ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TITLE = "Vega 😀 and its disk"
ABSTRACT = "Vega is a bright star. Mars is near."


def write_bioc() -> None:
    import bioc
    from bioc import biocjson, biocxml

    collection = bioc.BioCCollection()
    document = bioc.BioCDocument()
    document.id = "7"
    for kind, offset, text in (("title", 0, TITLE), ("abstract", len(TITLE) + 1, ABSTRACT)):
        passage = bioc.BioCPassage()
        passage.offset, passage.text, passage.infons["type"] = offset, text, kind
        document.add_passage(passage)
    for number, (surface, infons) in enumerate(
        [("disk", {"type": "Part"}), ("Vega", {"type": "Star", "identifier": "HIP:91262", "colour": "white"})]
    ):
        one = bioc.BioCAnnotation()
        one.id, one.text = f"T{number}", surface
        one.infons.update(infons)
        index = number  # disk is in the title, the second Vega in the abstract
        where = document.passages[index]
        one.add_location(bioc.BioCLocation(where.offset + where.text.index(surface), len(surface)))
        where.add_annotation(one)
    relation = bioc.BioCRelation()
    relation.id = "R0"
    relation.infons["type"] = "around"
    relation.add_node(bioc.BioCNode("T0", "inner"))
    relation.add_node(bioc.BioCNode("T1", "outer"))
    document.add_relation(relation)
    collection.add_document(document)
    with (HERE / "bioc.xml").open("w", encoding="utf-8") as file:
        biocxml.dump(collection, file)
    with (HERE / "bioc.json").open("w", encoding="utf-8") as file:
        biocjson.dump(collection, file)


def write_xmi() -> None:
    """DKPro's own type system, as INCEpTION uses it, with two layers of a project."""
    import cassis

    folder = HERE / "xmi"
    folder.mkdir(exist_ok=True)
    types = cassis.load_dkpro_core_typesystem()
    star = types.create_type("webanno.custom.Star", supertypeName="uima.tcas.Annotation")
    types.create_feature(star, "colour", "uima.cas.String")
    named = types.get_type("de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity")
    near = types.create_type("webanno.custom.Near", supertypeName="uima.tcas.Annotation")
    types.create_feature(near, "Governor", named.name)
    types.create_feature(near, "Dependent", named.name)
    about = types.create_type("webanno.custom.About", supertypeName="uima.cas.AnnotationBase")
    types.create_feature(about, "topic", "uima.cas.String")
    cas: Any = cassis.Cas(types)
    cas.sofa_string, cas.sofa_mime = f"{TITLE}\n{ABSTRACT}", "text/plain"
    token = types.get_type("de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token")
    text = cas.sofa_string
    cas.add(token(begin=0, end=4))
    first = named(begin=0, end=4, value="Star", identifier="http://example.org/vega")
    mars = named(begin=text.index("Mars"), end=text.index("Mars") + 4, value="Planet")
    cas.add_all([first, mars, star(begin=0, end=4, colour="white"), about(topic="sky")])
    cas.add(near(begin=mars.begin, end=mars.end, Governor=first, Dependent=mars))
    cas.to_xmi(folder / "vega.xmi")
    types.to_xml(folder / "TypeSystem.xml")


def write_datasets() -> None:
    import datasets

    tags = datasets.ClassLabel(names=["O", "B-Star", "I-Star"])
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(tags),
        }
    )
    tokens = [["Alpha", "Centauri", "😀", "!"], ["Nothing"]]
    rows = {"id": ["0", "1"], "tokens": tokens, "ner_tags": [[1, 2, 0, 0], [0]]}
    data = datasets.Dataset.from_dict(rows, features=features)
    data.to_parquet(HERE / "tokens.parquet")
    data.save_to_disk(HERE / "saved")
    for extra in ("dataset_info.json", "state.json"):
        (HERE / "saved" / extra).unlink()


if __name__ == "__main__":
    write_bioc()
    write_xmi()
    write_datasets()
