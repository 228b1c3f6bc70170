/**
 * Every text of the page in English, and the shape of every other table. Numbers, sizes, shares and lists come in
 * as they are to be read (`formats.ts`). `index.html` repeats those that it names; a test compares them.
 */

/** Which form of a text goes with a number; a language has some of these. */
export type Form = Intl.LDMLPluralRule;

export const en = {
  page: {
    title: 'wordmask: a mask for each word',
    description: 'Drop a picture, type words, get a mask for each word. Nothing leaves the page.',
    /** Three parts in brackets are marked. */
    headline: 'Drop a [picture], type [words], get a [mask] for each word.',
    promise: 'Nothing leaves the page.',
    skip: 'Skip to the words',
    language: 'Language',
    /** Between things that are told one after the other. */
    comma: ', ',
    close: 'Close the message',
  },
  picture: {
    area: 'Picture',
    /** What the canvas is, for screen readers. */
    role: 'picture',
    drop: 'Drop a picture anywhere',
    dropOr: 'or paste one, choose one, or take a scene below',
    tap: 'Choose a picture',
    tapOr: 'or take a scene below',
    choose: 'Choose a picture',
    scenes: 'or a scene',
    letGo: 'Let go: the files stay here.',
    unnamed: 'picture',
    sharpening: 'sharpening…',
    coarse: 'coarse',
    withoutMasks: (name: string) => `${name}. No masks yet.`,
    withMasks: (name: string) =>
      `${name}. With masks; arrow keys read out the class at a point, Enter names the region there.`,
    empty: (name: string) => `“${name}” is empty. Choose another picture.`,
    notOne: (name: string) => `“${name}” is not a picture. Try a JPEG, PNG or WebP file.`,
    noFile:
      'That was no file. This page contacts no other site: save the picture first, then drop the file.',
    noFolder: 'The folder could not be read. Drop its files instead.',
    noScene: (name: string) => `The scene ${name} could not be loaded. Choose another one.`,
    sceneWith: (words: string) => `A scene with ${words}`,
  },
  /** On the stage, where a model that knows no photographs got one. */
  photos: {
    title: 'This model knows drawings, not photographs.',
    text: 'What it says of a photograph means little, so no scores are shown.',
    /** Instead of what was found. */
    made: 'The masks are a guess: the model knows no photographs.',
    get: 'Get a model for photographs',
  },
  /** On the stage, where the model knows none of the words. */
  unknown: {
    title: 'The model knows none of these words.',
    text: 'Masks of them would be made up, so there are none. Words that it knows are offered below the field for words.',
    /** Instead of what was found. */
    made: 'No masks: none of the words is known.',
    get: 'Get a model that reads any word',
  },
  camera: {
    open: 'Take a photo',
    title: 'Camera',
    take: 'Take the picture',
    cancel: 'Cancel',
    starting: 'Starting the camera…',
    denied:
      'The camera may not be used here. Allow it for this page in the browser’s settings, or choose a picture.',
    none: 'No camera was found. Choose a picture instead.',
    busy: 'Another program uses the camera. Close it there, then try again.',
    failed: 'The camera could not be started. Choose a picture instead.',
    fileName: 'photo',
  },
  kept: {
    note: 'Pictures and words stay in this browser for your next visit.',
    forget: 'Forget them',
  },
  /** What is to be seen in the scenes to try. */
  scenes: {
    'scene-1': 'A brown turtle, a striped mushroom, a pink heart and a green umbrella in the snow',
    'scene-2': 'A green tree on a meadow, with a pink and a black heart',
    'scene-3': 'A striped moon and a checked car over water, and a green circle',
    'scene-4': 'An orange apple in the sky above water, and a dotted purple car',
    'scene-5': 'A green turtle and a brown mushroom on a wooden floor before a brick wall',
    'scene-6': 'A large pink heart on a road and a small red one in the sky',
  },
  status: {
    start: 'Loading the page…',
    ready: 'Ready for a picture.',
    typeWord: 'The picture is ready. Type a word.',
    found: (classes: string) => `Found ${classes}.`,
    foundMore: (classes: string) => `Found ${classes} and more.`,
    foundNone: 'None of the words was found in the picture.',
    stopped: 'Stopped.',
    stoppedCoarse: 'Stopped. The masks are still coarse.',
    failed: 'That did not work.',
    stop: 'Stop',
    again: 'Run again',
  },
  progress: {
    loading: 'Getting the model',
    loadingBytes: (loaded: string, total: string) => `Getting the model: ${loaded} of ${total}`,
    preparing: 'Preparing the model',
    loadingText: 'Getting the text tower for new words',
    loadingTextBytes: (loaded: string, total: string) =>
      `Getting the text tower for new words: ${loaded} of ${total}`,
    preparingText: 'Preparing the text tower for new words',
    encoding: 'Encoding the picture',
    segmenting: 'Making the masks',
    sharpening: 'Sharpening the masks',
    naming: 'Naming',
    importing: 'Importing the model',
    importingFile: (file: string, total: string) => `Importing: file ${file} of ${total}`,
    importStarts: 'Starting the import',
  },
  device: {
    cpu: 'Computed by the processor of this device',
    gpu: 'Computed by the graphics chip of this device',
    encoded: (time: string) => `encoded in ${time}`,
    masks: (time: string) => `masks in ${time}`,
  },
  /** Before a sentence of the engine, which speaks English; empty where the reader does too. */
  engine: {
    input: '',
    model: '',
    unsupported: '',
    device: '',
    'out-of-memory': '',
    network: '',
    integrity: '',
    internal: '',
  },
  words: {
    area: 'Words and masks',
    title: 'Words',
    soFar: 'Words so far',
    example: 'cat, tv/monitor, grass',
    another: 'another word',
    help: 'Enter or a comma adds a word. A slash joins names of one thing. The model reads English.',
    suggestions: 'Try',
    add: (word: string) => `Add ${word}`,
    remove: (word: string) => `Remove ${word}`,
    twin: (word: string) => `“${word}” is there already.`,
    tooLong: (form: Form, letters: string, most: string) =>
      `That word has ${letters} ${form === 'one' ? 'letter' : 'letters'}; up to ${most} fit.`,
    unknown: (word: string) => `The built-in model does not know “${word}”.`,
    /** On the chip of an unknown word: the nearest one that is known. */
    nearest: (word: string) => `unknown: ${word}?`,
    unknownShort: 'unknown',
    replace: (word: string, nearest: string) => `Replace ${word} by ${nearest}`,
    most: (words: string) => `${words} words are the most. Remove one first.`,
  },
  masks: {
    title: 'Masks',
    opacity: 'Opacity',
    original: 'Original',
    share: 'share',
    score: 'score',
    scoreHelp:
      'The score tells how sure the model is of a class: the mean, over its pixels, of the probability among your words and the background.',
    ofPicture: 'of the picture',
    noWord: 'no word',
    cutOut: 'Cut out',
    cutOutOf: (name: string) => `Download the cut-out of ${name}`,
    copy: 'Copy',
    copyOf: (name: string) => `Copy the cut-out of ${name}`,
    copied: 'Copied.',
    notCopied: 'The browser did not let the page copy. Download the cut-out instead.',
    take: 'Take it with you',
    downloads: 'Downloads',
    labels: 'Label PNG',
    overlay: 'Overlay PNG',
    fileOfClass: 'class',
  },
  /** The menu of files; formats go by their own names. */
  downloads: {
    pictures: 'Pictures',
    cutouts: 'Cut-outs',
    shapes: 'Shapes',
    forAnnotators: 'For annotating and training',
    instances: 'Each part an object',
    instancesHelp: 'Parts of a class that do not touch count separately, in shapes and data sets.',
  },
  /** What is chosen for cut-outs. */
  cutouts: {
    title: 'How cut-outs look',
    soft: 'Soft edges',
    trim: 'Trimmed to the thing',
    background: 'Background',
    transparent: 'Transparent',
    blur: 'Blurred',
    color: 'A colour',
    pickColor: 'Colour of the background',
    format: 'Format',
  },
  naming: {
    start: 'Name a region',
    help: 'Or just click one in the picture.',
    tap: 'Tap a thing in the picture.',
    click: 'Click a thing, or use arrow keys and Enter.',
    close: 'Close the names',
    notYet: 'Not yet',
    stillReading: 'The picture is still being read.',
    region: 'This region',
    regionOf: (share: string) => `This region · ${share}`,
    looking: 'Looking…',
    afterMasks: 'Named once the masks are done…',
    naming: 'Naming…',
    alone: 'With a single word there is no choice. Add words to compare.',
    failed: 'That did not work',
    spoken: (share: string, names: string) => `A region of ${share}: ${names}.`,
  },
  models: {
    title: 'Model',
    choose: 'Choose',
    import: 'Import',
    importHelp:
      'A CLIP as it was published: model.safetensors, config.json and tokenizer.json, or all in their folder. Drop them anywhere on the page, or choose them here. The model stays in this browser, made smaller.',
    weights: 'Weights',
    q8: '8 bits, a quarter of the size',
    q4: '4 bits, the smallest',
    f16: '16 bits',
    f32: '32 bits, as computed',
    chooseFiles: 'Choose files of a model',
    importOf: 'Import of a model',
    cancel: 'Cancel',
    builtIn: 'built in',
    served: 'beside the page',
    imported: 'imported',
    license: (name: string) => `licence ${name}`,
    doodle: 'Cartoon scenes, not photographs.',
    delete: 'Delete',
    deleteForGood: 'Delete for good',
    deleteOf: (action: string, name: string) => `${action}: ${name}`,
    pressAgain: (name: string) => `Press again to delete ${name} for good.`,
    deleted: (name: string) => `${name} was deleted.`,
    importedNow: (name: string) => `${name} was imported.`,
    cancelled: 'The import was cancelled. Nothing of it was kept.',
    busy: 'A model is being imported already. Wait for it, or cancel it first.',
    notHere: 'The model in the address is not in this browser. The built-in model is used.',
    elsewhere:
      'The model in the address lies on another site, and this page contacts no other site. The built-in model is used.',
    gone: (name: string) =>
      `The model ${name} no longer lies beside the page. The built-in model is used.`,
  },
  /** Published models, in the menu and on the page that fetches them. */
  published: {
    title: 'For photographs',
    help: 'Fetched once, on a page of its own, and kept in this browser. Your picture stays here.',
    recommended: 'Recommended',
    takes: (download: string, kept: string) => `Download ${download}, keeps ${kept}`,
    license: 'licence',
    accuracy: (share: string) => `${share} right on ImageNet`,
    get: 'Get it',
    getOf: (title: string) => `Get it: ${title}`,
    more: (form: Form, models: string) => `${models} more ${form === 'one' ? 'model' : 'models'}`,
    there: 'in this browser',
    /** What a model has learned from; in English, as the catalogue says it. */
    seen: {
      openai: 'It has seen 400 million pictures of the web with their English captions.',
      tinyYfcc39m:
        'It was distilled from a larger CLIP on 15 million pictures with their captions (YFCC-15M), and is a little over half the size of ViT-B/16.',
      tinyYfcc8m:
        'It was distilled from a larger CLIP on 15 million pictures with their captions (YFCC-15M), and is the smallest: for phones and for first tries.',
      tinyLaion:
        'It was distilled from a larger CLIP on 400 million pictures of the web with their English captions (LAION-400M).',
      laion: 'It has seen 2 billion pictures of the web with their English captions (LAION-2B).',
      dataComp:
        'It has seen 1.4 billion pictures of the web with their English captions, chosen for how well they fit (DataComp-1B).',
      metaClip:
        'It has seen 2.5 billion pictures of the web with their English captions, balanced over half a million words (MetaCLIP).',
    },
  },
  /** What is kept in the browser. */
  storage: {
    nothing: 'Nothing is kept in this browser yet.',
    kept: (parts: string) => `Kept in this browser: ${parts}.`,
    models: (size: string) => `${size} of models that were fetched or imported`,
    bundles: (size: string) => `${size} of models beside the page`,
    downloads: (size: string) => `${size} of unfinished downloads`,
    free: 'Free what can be fetched again',
    freed: 'What can be fetched again was freed.',
  },
  /** The page that fetches published models. */
  fetching: {
    pageTitle: 'wordmask: models for photographs',
    description: 'Models for photographs, fetched once into this browser.',
    headline: 'Models for photographs',
    choose: 'Get one into this browser',
    help: 'It is fetched once from huggingface.co, made smaller here, and kept. The page for pictures finds it from then on, with the network off as well.',
    starting: 'Asking the hub',
    bytes: (loaded: string, total: string) => `${loaded} of ${total}`,
    left: (time: string) => `${time} left`,
    connection: 'The connection broke off; trying again',
    otherPage: 'Another window gets the same model; waiting for it',
    preparing: 'Making it smaller',
    importing: (file: string, total: string) => `Making it smaller: file ${file} of ${total}`,
    stop: 'Stop',
    stopped: 'Stopped.',
    stoppedKept: (size: string) =>
      `Stopped. The ${size} that have come are kept, and it goes on from there.`,
    failed: 'That did not work.',
    goOn: 'Go on',
    again: 'Try again',
    unfinished: (title: string) => `${title} was not fetched to the end.`,
    done: (title: string) => `${title} is here.`,
    use: 'Use it on a picture',
    taken: 'The window with your picture uses it now. This one can be closed.',
    why: 'Why a page of its own',
    because:
      'The page for pictures may not reach any other site; its own rules make the browser refuse. This one may reach the hub, and there is no way to give it a picture.',
    back: 'Back to the pictures',
  },
  arrivals: {
    mixed: (picture: string) =>
      `Those were a picture, “${picture}”, and files of a model. Drop the picture alone, or all files of the model without it.`,
    bundle:
      'That is a finished bundle, which belongs beside the page, in its folder “models”. Here you can drop a model as it was published.',
    foreign: (file: string) =>
      `“${file}” is in a format that the page does not read. Most models are published as model.safetensors too, in the same place: take that, with config.json and tokenizer.json.`,
    pointer: (file: string, form: Form, bytes: string) =>
      `“${file}” has only ${bytes} ${form === 'one' ? 'byte' : 'bytes'}: it is a pointer to the weights, or was cut off. Download the file itself.`,
    missing: (form: Form, list: string, beside: string) =>
      form === 'one'
        ? `The model is not complete: ${list} is missing. It lies beside ${beside} where the model was published (Hugging Face lists it under “Files and versions”). Drop all of them together, or their folder.`
        : `The model is not complete: ${list} are missing. Such files lie beside ${beside} where the model was published (Hugging Face lists them under “Files and versions”). Drop all of them together, or their folder.`,
    someFiles: 'the files that came',
    tokenizer: 'tokenizer.json (or vocab.json with merges.txt)',
    moreParts: (form: Form, parts: string) => `${parts} more ${form === 'one' ? 'part' : 'parts'}`,
  },
  options: {
    title: 'Options',
    automatic: 'Automatic',
    automaticIs: (what: string) => `Automatic: ${what}`,
    none: 'None',
    method: 'Method',
    crops: 'Crops',
    cropsHelp: 'More crops take longer and show smaller things.',
    guidance: 'Foreground guidance',
    features: 'Features',
    scales: 'Finer scales',
    on: 'On',
    off: 'Off',
    scalesHelp:
      'The picture is read enlarged as well. The first masks come at once and get sharper. “On” takes the time that needs, on “Automatic” it is about 10 seconds at most.',
    refinement: 'Refinement',
    refinements: 'Refinements',
    ownChoice: 'Own choice',
    noKeys: 'Key smoothing does not go with this method.',
    background: 'Background',
    ownWords: 'Own words',
    ownBackground: 'Own background words',
    leftOut: (words: string) => `What the model does not know is left out: ${words}.`,
    threshold: 'Threshold',
    thresholdLabel: 'Leave unlabelled below a score of',
    thresholdHelp: 'Pixels that score lower stay without a label.',
    device: 'Device',
  },
  /** What each does, in one sentence. */
  methods: {
    maskclip: 'Every patch speaks for itself. The plainest method.',
    clearclip: 'Patches gather from those that ask alike, and nothing else is mixed in.',
    sclip: 'Patches gather from those like themselves.',
    naclip: 'Patches gather from those like themselves, near ones first.',
    pearl: 'Lines queries and keys up before patches gather.',
    scclip: 'Repairs patches that stand out, then gathers from like ones.',
    'clip-diy': 'Looks at crops of several sizes: coarse masks at first, then sharper ones.',
    'two-stage': 'Finds regions first, then gives each one a word.',
  },
  twoStages: 'Two stages',
  refinements: {
    'prompt-denoising': 'Prompt denoising',
    'key-smoothing': 'Key smoothing',
    edges: 'Edges of the picture',
  },
  /** Where a newer page is there than the one that is open. */
  update: {
    ready: 'A new version of this page is ready. It starts with a reload.',
    reload: 'Reload',
    later: 'Later',
  },
  /** Below the stage: correcting masks, going back and forth, looking closer. */
  tools: {
    area: 'Tools for the picture',
    look: 'Look',
    region: 'Region',
    brush: 'Brush',
    eraser: 'Eraser',
    /** What a click or a stroke does with each. */
    help: {
      look: 'A click names the region there.',
      region: 'A click gives a region to the class; with Alt it takes it away.',
      brush: 'Draw what belongs to the class; with Alt it erases. [ and ] change the width.',
      eraser: 'Draw what belongs to no class.',
    },
    undo: 'Undo',
    redo: 'Redo',
    undone: 'Undone.',
    redone: 'Redone.',
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out',
    zoomWhole: 'Whole picture',
    compare: 'Compare with the bare picture',
    border: 'Border between the bare picture and the masks',
    /** Where the handle is, as a share of the width. */
    bareUpTo: (share: string) => `bare up to ${share}`,
    target: 'Class',
    size: 'Width',
    takeAway: 'Take away',
    given: (share: string, name: string) => `${share} of the picture was given to ${name}.`,
    taken: (share: string) => `${share} of the picture was taken away.`,
    painted: (name: string) => `Painted: ${name}.`,
    erased: 'Erased.',
    noMasks: 'There are no masks yet. Type a word.',
  },
  /** Several pictures: the strip of them, and files of all. */
  strip: {
    area: 'Pictures',
    progress: (done: string, all: string) => `${done} of ${all} pictures done`,
    failures: (_form: Form, count: string) => `${count} failed`,
    stop: 'Stop all',
    resume: 'Go on',
    remove: 'Remove this picture',
    removed: (name: string) => `${name} was removed.`,
    waiting: 'waiting',
    working: 'in work',
    done: 'done',
    failed: (reason: string) => `failed: ${reason}`,
    together: 'All pictures, in one file',
  },
  about: {
    knows: 'What it knows',
    builtIn:
      'The built-in model, doodle, knows cartoon scenes, not photographs. Photographs need a full CLIP: “Model” gets one with a click.',
    model: (name: string, license: string) => `This is the model ${name}, licence ${license}.`,
    where: 'Where your files go',
    nowhere:
      'Nowhere. The model runs in this page, and the page’s own rules (its Content-Security-Policy) make the browser refuse every other address. The last pictures and the words stay in this browser, until you forget them. Open the page a second time with the network switched off: it works all the same.',
    source: 'Source code',
    package: 'npm package',
    license: 'Licence: MIT or Apache 2.0',
  },
};

export type Texts = typeof en;
