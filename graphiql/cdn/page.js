// The page that was not bundled: see index.html.

import { fetcher } from "./fetcher.js";
import { HEADERS, TABS, firstVariables, keepsHeaders } from "./opening.js";

const { GraphiQL, React, ReactDOM } = globalThis;

ReactDOM.createRoot(document.getElementById("page")).render(
  React.createElement(GraphiQL, {
    // Version 4 takes no comments in them.
    defaultHeaders: HEADERS.replace(/ *\/\/.*\n/, ""),
    defaultTabs: TABS,
    fetcher,
    inputValueDeprecation: true,
    schemaDescription: true,
    shouldPersistHeaders: keepsHeaders,
    showPersistHeadersSettings: true,
    variables: firstVariables,
  }),
);
