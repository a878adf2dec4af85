// A link by which somebody else drives along in this dream, in a car of their own.

/** Copies the link, or shows it where the browser allows no clipboard. */
export async function invite(invitation, note) {
  const link = `${location.origin}${location.pathname}#join=${invitation}`;
  try {
    await navigator.clipboard.writeText(link);
    note.say("The link is copied: whoever opens it drives along, in a car of their own.");
  } catch {
    note.say(link, "news", 60);
  }
}
