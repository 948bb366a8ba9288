/** Runs before anything is painted: the colours that were chosen here last time. Else the system's choice holds. */
try {
  const chosen = localStorage.getItem('rtls-theme')
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset['theme'] = chosen
} catch {
  // Storage is forbidden here: the system's choice holds.
}
