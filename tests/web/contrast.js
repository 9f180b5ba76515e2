// Every visible text against what lies behind it: the nearest solid colour with the half-transparent ones over it.
// The wallpaper is a gradient; of its colours the one nearest to the text's counts.
() => {
  const rgba = (text) => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
    canvas.fillStyle = text
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data
    const alpha = /rgba?\(.*[,/]\s*([\d.]+%?)\)$/.exec(text)
    const slash = /\/\s*([\d.]+)\)/.exec(text)
    const a = text === 'transparent' || text === 'rgba(0, 0, 0, 0)' ? 0 : slash ? Number(slash[1]) : text.startsWith('rgba') && alpha ? Number(alpha[1]) : 1
    if (a > 0 && a < 1) {
      const solid = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
      solid.fillStyle = '#000'; solid.fillRect(0, 0, 1, 1); solid.fillStyle = text; solid.fillRect(0, 0, 1, 1)
      const over = solid.getImageData(0, 0, 1, 1).data
      return [over[0] / a, over[1] / a, over[2] / a, a]
    }
    return [r, g, b, a]
  }
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0)
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05) }
  const over = (top, base) => [0, 1, 2].map((i) => top[i] * top[3] + base[i] * (1 - top[3]))
  const root = getComputedStyle(document.documentElement)
  const walls = [1, 2, 3, 4].map((n) => rgba(root.getPropertyValue(`--wall-${n}`).trim()))
  const bad = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const el = walker.currentNode.parentElement
    const text = walker.currentNode.textContent.trim()
    if (!text || !el.checkVisibility({opacityProperty: true, visibilityProperty: true}) || el.closest('.spoiler:not(.shown), :disabled, [hidden]') || /^\p{Extended_Pictographic}/u.test(text)) continue
    const style = getComputedStyle(el)
    const layers = []
    let grounds = null
    for (let at = el; at && !grounds; at = at.parentElement) {
      const s = getComputedStyle(at)
      const gradient = s.backgroundImage.match(/rgba?\([^)]*\)/g)
      if (at.classList.contains('stage')) grounds = walls
      else if (at.classList.contains('avatar') && gradient) grounds = gradient.map(rgba)
      else {
        const color = rgba(s.backgroundColor)
        if (color[3] >= 1) grounds = [color]
        else if (color[3] > 0) layers.unshift(color)
      }
    }
    const worst = Math.min(...(grounds ?? [[255, 255, 255, 1]]).map((ground) => {
      const base = layers.reduce((under, layer) => over(layer, under), ground)
      return ratio(over(rgba(style.color), base), base)
    }))
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700)
    if (worst < (large ? 3 : 4.5)) bad.push(`${worst.toFixed(2)} ${el.className || el.tagName}: ${text.slice(0, 30)} ${style.color}`)
  }
  return bad
}
