"use strict";(()=>{document.title="GoChat";})();
