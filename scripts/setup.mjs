#!/usr/bin/env node
// Makes a fresh clone runnable: the right Node, the packages of package-lock.json, an up-to-date dist/.
//
// Runs before `npm start`, `npm test` and `npm run bench`, so it needs nothing but Node and npm, and when there is
// nothing to do it only compares hashes. Two of them at once are safe: whoever finds work takes a lock, looks again,
// and does it; the others wait and then find nothing to do. The stamps are written last, so a killed set-up is redone.
// It never changes package-lock.json and never touches anything but node_modules/ and dist/.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = [20, 19]
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const lockfile = path.join(root, 'package-lock.json')
const packagesStamp = path.join(root, 'node_modules', '.rtls-setup')
const src = path.join(root, 'src')
const dist = path.join(root, 'dist')
const buildStamp = path.join(dist, '.rtls-build')
// Bundled, not compiled file by file: scripts/build-page.mjs makes dist/page/ of it, and nobody else touches that.
const pageSrc = path.join(src, 'page')
const pageDist = path.join(dist, 'page')
const pageBuilder = path.join(root, 'scripts', 'build-page.mjs')

main()

function main() {
  refuseOldNode()
  // The tests' global set-up asks for the build alone: it runs from these very packages.
  const isBuildOnly = process.argv.includes('--build-only')
  if (!isBuildOnly && !arePackagesCurrent()) underLock(() => arePackagesCurrent() || installPackages())
  if (!isBuildCurrent()) underLock(() => isBuildCurrent() || build())
}

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return
  console.error(
    `rtls-ingest needs Node.js ${OLDEST_NODE.join('.')} or newer, this is ${process.versions.node}.`,
  )
  process.exit(2)
}

// ---- packages

function arePackagesCurrent() {
  const wanted = packagesFingerprint()
  if (read(packagesStamp) === wanted) return true
  // Installed by hand with npm: npm's own record of what it put there says whether that is what we want.
  if (!isInstalledByHand()) return false
  fs.writeFileSync(packagesStamp, wanted)
  return true
}

function packagesFingerprint() {
  const platform = `${process.version} ${process.platform} ${process.arch}`
  return `${sha256(fs.readFileSync(lockfile))} ${platform}\n`
}

function isInstalledByHand() {
  const record = read(path.join(root, 'node_modules', '.package-lock.json'))
  if (record === undefined) return false
  const wanted = JSON.parse(fs.readFileSync(lockfile, 'utf8')).packages
  const installed = JSON.parse(record).packages
  const isSame = (name) =>
    wanted[name]?.version === installed[name]?.version &&
    wanted[name]?.integrity === installed[name]?.integrity
  return (
    Object.keys(installed).every(isSame) &&
    Object.keys(wanted).every((name) => name === '' || name in installed || wanted[name].optional === true)
  )
}

function installPackages() {
  // The build needs the development packages, also where NODE_ENV=production would leave them out.
  step('Installing packages', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'])
  fs.writeFileSync(packagesStamp, packagesFingerprint())
}

// ---- dist

function isBuildCurrent() {
  if (read(buildStamp) !== sourcesFingerprint()) return false
  if (fs.existsSync(pageSrc) && !fs.existsSync(path.join(pageDist, 'index.html'))) return false
  return sources().every((file) => fs.existsSync(outputOf(file)))
}

function sources() {
  return filesUnder(src).filter(
    (file) => /\.[cm]?ts$/.test(file) && !/\.d\.[cm]?ts$/.test(file) && !isUnder(pageSrc, file),
  )
}

// By content: a checkout, a copy or a container layer may give every file any time.
function sourcesFingerprint() {
  const configs = fs.readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name))
  // sql/ too: the build makes the database that the embedded one starts as a copy of.
  const files = [
    ...filesUnder(src),
    ...filesUnder(path.join(root, 'sql')),
    ...configs.map((name) => path.join(root, name)),
    lockfile,
    ...(fs.existsSync(pageBuilder) ? [pageBuilder] : []),
  ]
  const hash = createHash('sha256')
  for (const file of files.toSorted((a, b) => (a < b ? -1 : 1)))
    hash.update(`${path.relative(root, file)}\0${sha256(fs.readFileSync(file))}\n`)
  return `${hash.digest('hex')}\n`
}

function outputOf(source) {
  return path.join(dist, path.relative(src, source)).replace(/\.([cm]?)ts$/, '.$1js')
}

function build() {
  const fingerprint = sourcesFingerprint() // taken before: what changes during the build is built next time
  fs.rmSync(buildStamp, { force: true })
  step('Building', ['run', '--silent', 'build'])
  removeOrphans()
  fs.writeFileSync(buildStamp, fingerprint)
}

// What is left in dist/ from a source that was renamed or deleted would still be importable.
function removeOrphans() {
  const outputs = new Set(sources().map(outputOf))
  for (const file of filesUnder(dist)) {
    if (file === buildStamp || isUnder(pageDist, file)) continue
    const output = file.replace(/\.map$/, '').replace(/\.d\.([cm]?)ts$/, '.$1js')
    if (!outputs.has(output)) fs.rmSync(file, { force: true })
  }
}

// ---- running npm

function step(title, npmArguments) {
  const startedAt = Date.now()
  process.stdout.write(`${title} …\n`)
  const npm = findNpm()
  const result = spawnSync(npm.command, [...npm.prefix, ...npmArguments], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: npm.shell,
  })
  if (result.error) console.error(`Could not run npm: ${result.error.message}`)
  if (result.status !== 0) {
    console.error(`${title} failed: npm ${npmArguments.join(' ')}`)
    releaseLock()
    process.exit(result.status ?? 1)
  }
  process.stdout.write(`${title} … ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
}

// npm tells its scripts where it is; PATH may hold another one, or none.
function findNpm() {
  const own = process.env.npm_execpath
  if (own !== undefined && path.basename(own) === 'npm-cli.js') {
    return { command: process.execPath, prefix: [own], shell: false }
  }
  return { command: 'npm', prefix: [], shell: process.platform === 'win32' }
}

// ---- one at a time

// Not in node_modules (npm ci deletes it) and not in the tree (nothing to ignore or to leave behind there).
function lockPath() {
  const user = typeof process.getuid === 'function' ? process.getuid() : os.userInfo().username
  return path.join(os.tmpdir(), `rtls-setup-${user}-${sha256(root).slice(0, 16)}.lock`)
}

function underLock(work) {
  takeLock()
  try {
    work()
  } finally {
    releaseLock()
  }
}

function takeLock() {
  const mine = `${lockPath()}.${process.pid}`
  fs.writeFileSync(mine, String(process.pid))
  try {
    for (let tries = 0; ; tries += 1) {
      try {
        fs.linkSync(mine, lockPath()) // atomic, and the lock never exists without its owner's pid in it
        return
      } catch (error) {
        if (error.code !== 'EEXIST') throw error
      }
      if (isLockStale()) fs.rmSync(lockPath(), { force: true })
      else if (tries === 0) process.stdout.write('Another set-up is at work here; waiting for it …\n')
      sleep(100)
    }
  } finally {
    fs.rmSync(mine, { force: true })
  }
}

function isLockStale() {
  const owner = Number(read(lockPath()))
  if (Number.isNaN(owner)) return false // gone in the meantime
  try {
    process.kill(owner, 0)
  } catch (error) {
    return error.code === 'ESRCH'
  }
  // The pid may have been given to another program since; no set-up takes this long.
  const age = Date.now() - (fs.statSync(lockPath(), { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  return age > 30 * 60_000
}

function releaseLock() {
  if (read(lockPath()) === String(process.pid)) fs.rmSync(lockPath(), { force: true })
}

// ---- small things

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex')
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  }
}

function isUnder(folder, file) {
  return file.startsWith(folder + path.sep)
}

function filesUnder(folder) {
  if (!fs.existsSync(folder)) return []
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const entryPath = path.join(folder, entry.name)
    return entry.isDirectory() ? filesUnder(entryPath) : [entryPath]
  })
}
