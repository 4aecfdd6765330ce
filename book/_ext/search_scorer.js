/* How the search orders what it finds (Sphinx's html_search_scorer).

   Sphinx scores names of the index (search_terms.py) from 50 to 100 and headings up to 15,
   as it does any page with a word of the query in any heading. Here the names come first,
   then headings, functions of the package, and pages that hold the words; of these the
   pages that only list things come last. */

/* Pages that name everything and teach little: lists, and the page that points to all. */
const lb_lists = /^book\/(intro$|reference\/(?!field-guide))/;
const lb_asides = /^(Exercise \d|Summary$|Further reading$)/;

/* Heading of a section, found by its page and its anchor. */
const lb_heading = (doc, anchor) => {
  const index = Search._index;
  const page = index.docnames.indexOf(doc);
  const found = Object.entries(index.alltitles).find(([, places]) =>
    places.some(([file, id]) => file === page && `#${id}` === anchor)
  );
  return found ? found[0] : null;
};

/* Each result is [page, title, anchor, description, score, file]. */
const lb_score = (result) => {
  const [doc, title, anchor, descr, score] = result;
  if (descr) return score; // a function of the package
  const page = Search._index.titles[Search._index.docnames.indexOf(doc)];
  const heading = anchor && lb_heading(doc, anchor);
  const named = title === page && anchor; // by the index, which tells no heading
  /* Titles that say where one will land, and the same words for the same place. */
  result[1] = heading ? `${page} > ${heading}` : page;
  if (named) return score;
  if (title !== page && !lb_asides.test(heading || "")) return score * 3;
  return lb_lists.test(doc) ? score / 2 : score;
};

var Scorer = {
  score: lb_score,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
