/** Where the page begins. */
import { render } from 'preact'
import { App } from './shell/app.tsx'

const root = document.querySelector('#page')
if (root !== null) render(<App />, root)
