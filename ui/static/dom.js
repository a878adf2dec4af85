// Elements in one line, and questions to the server.

/** An element with properties and children; a string is text. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  const { role, style, ...rest } = properties;
  if (role) element.setAttribute("role", role);
  if (style) element.style.cssText = style;
  Object.assign(element, rest);
  element.append(...children);
  return element;
}

/** POSTs to an address; the answer, or { error } in a sentence. */
export async function ask(address) {
  try {
    const answer = await fetch(address, { method: "POST" });
    return answer.ok ? await answer.json() : { error: (await answer.text()).trim() };
  } catch {
    return { error: "The page's server does not answer; try again in a moment." };
  }
}
